"""PLE, progressive layered extraction: layers of CGC, in which shared and task-specific parts drift apart.

Tang, Liu, Zhao and Gong, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys 2020, section 4.2.
"""

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.cgc import ExtractionLayer
from automtl_baselines.parts import Inputs, Sizes, Towers
from automtl_core.network import Ids
from automtl_core.settings import Settings
from automtl_core.space import Chooser, SearchSpace


class PLESettings(Sizes):
    """Sizes of PLE."""

    expert_layers: tuple[int, ...] = Field((96, 64), min_length=1)
    """Widths of the layers of an expert, at each level."""
    levels: int = Field(2, ge=1)
    """Extraction layers; one makes CGC."""
    shared_experts: int = Field(2, ge=1)
    """Experts of a level that all tasks share."""
    task_experts: int = Field(1, ge=1)
    """Experts of a level that each task has for itself."""


class PLENetwork(nn.Module):
    """y_t = tower_t(g_t of the last level), g of level j on g of level j - 1 (Tang et al. 2020, eq. 5 and 6).

    Letters: B batch, D input width, H expert width, T tasks.
    """

    def __init__(self, inputs: Inputs, tasks: int, sizes: PLESettings) -> None:
        super().__init__()
        self.inputs = inputs
        width = sizes.expert_layers[-1]
        experts = [sizes.task_experts] * tasks + [sizes.shared_experts]
        self.levels = nn.ModuleList(
            ExtractionLayer(
                [width if level else inputs.width, *sizes.expert_layers],
                experts,
                sizes.dropout,
                shared_gate=level < sizes.levels - 1,
            )
            for level in range(sizes.levels)
        )
        self.towers = Towers(width, tasks, sizes)

    def forward(self, ids: Ids, dense: Tensor) -> Tensor:  # dense [B, M] -> [B, T]
        xs = [self.inputs(ids, dense)] * (len(self.towers) + 1)  # T + 1 x [B, D]
        for level in self.levels:
            xs = level(xs)  # T + 1 x [B, H]; T after the last level
        logits: Tensor = self.towers(xs)
        return logits


class PLE(SearchSpace):
    """Levels of shared experts and experts of each task, gated at each level (Tang et al., RecSys 2020)."""

    settings_class: ClassVar[type[Settings]] = PLESettings
    settings: PLESettings

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network; there is nothing to choose."""
        s = self.settings
        inputs = Inputs(self.schema, s.embedding_dim, s.embedding_std)
        return PLENetwork(inputs, len(self.schema.tasks), s)
