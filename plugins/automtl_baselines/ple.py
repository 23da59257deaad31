"""PLE, progressive layered extraction: layers of CGC, in which shared and task-specific parts drift apart.

Tang, Liu, Zhao and Gong, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys 2020, section 4.2.
"""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.cgc import ExtractionLayer
from automtl_baselines.parts import TaskNetwork
from automtl_baselines.sizes import HandDesigned, Layers, Sizes
from automtl_core.modules.inputs import Inputs


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


class PLENetwork(TaskNetwork):
    """y_t = tower_t(g_t of the last level), g of level j on g of level j - 1 (Tang et al. 2020, eq. 5 and 6).

    Letters: B batch, D input width, H expert width, T tasks.
    """

    levels: nn.ModuleList

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the mixture of experts of each task at the last level."""
        xs: Sequence[Tensor] = [x] * (len(self.towers) + 1)
        for level in self.levels:
            xs = level(xs)  # T + 1 x [B, H]; T after the last level
        return xs


class PLE(HandDesigned[PLESettings]):
    """Several levels of CGC: shared and task-specific experts at each level (Tang et al., RecSys 2020)."""

    def body(self, inputs: Inputs) -> PLENetwork:
        """Return the network without its towers."""
        s = self.settings
        experts = (s.task_experts, s.shared_experts)
        levels = nn.ModuleList()
        for level in range(1, s.levels + 1):
            widths = [inputs.width if level == 1 else s.expert_layers[-1], *s.expert_layers]
            name = f"level{level}" if level < s.levels else ""
            levels.append(ExtractionLayer(widths, self.tasks, experts, s.dropout, name))
        return PLENetwork(inputs, levels=levels)
