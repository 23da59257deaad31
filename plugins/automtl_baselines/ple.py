"""PLE, progressive layered extraction: layers of CGC, in which shared and task-specific parts drift apart.

Tang, Liu, Zhao and Gong, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys 2020, section 4.2.
"""

from collections.abc import Iterable

from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.cgc import ExtractionLayer
from automtl_baselines.parts import Towers
from automtl_baselines.sizes import AnyInputs, HandDesigned, Layers, Sizes, inputs_of, towers_of
from automtl_core.modules.features import Features
from automtl_core.space import Chooser


class PLESettings(Sizes):
    """Sizes of PLE."""

    expert_layers: Layers = (96, 64)
    """Widths of the layers of an expert, at each level."""
    levels: int = Field(2, ge=1, le=100)
    """Number of extraction layers. 1 is CGC."""
    shared_experts: int = Field(2, ge=1, le=1000)
    """Number of experts per level that all tasks share."""
    task_experts: int = Field(1, ge=1, le=1000)
    """Number of task-specific experts of each task per level."""


class PLENetwork(nn.Module):
    """y_t = tower_t(g_t of the last level), g of level j on g of level j - 1 (Tang et al. 2020, eq. 5 and 6).

    Letters: B batch, D input width, H expert width, T tasks.
    """

    def __init__(self, inputs: AnyInputs, levels: Iterable[ExtractionLayer], towers: Towers) -> None:
        super().__init__()
        self.inputs = inputs
        self.levels = nn.ModuleList(levels)
        self.towers = towers

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()  # [B, D]
        xs = [x] * (len(self.towers) + 1)
        for level in self.levels:
            xs = level(xs)  # T + 1 x [B, H]; T after the last level
        logits: Tensor = self.towers(xs, x)
        return logits


class PLE(HandDesigned[PLESettings]):
    """Several levels of CGC: shared and task-specific experts at each level (Tang et al., RecSys 2020)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network. It has no choices, except feature encodings if inputs are searched."""
        s = self.settings
        inputs = inputs_of(self, choose)
        tasks, experts = [task.name for task in self.schema.tasks], (s.task_experts, s.shared_experts)
        in_dims = [inputs.width] + [s.expert_layers[-1]] * (s.levels - 1)
        levels = [
            ExtractionLayer(
                [in_dim, *s.expert_layers],
                tasks,
                experts,
                s.dropout,
                f"level{level}" if level < s.levels else "",
            )
            for level, in_dim in enumerate(in_dims, start=1)
        ]
        return PLENetwork(inputs, levels, towers_of(self.schema, s, inputs))
