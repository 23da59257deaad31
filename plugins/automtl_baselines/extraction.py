"""CGC and PLE: experts of each task beside experts that all tasks share, at one or several levels.

Tang, Liu, Zhao and Gong, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys 2020: section 4.1 for CGC, customised gate control; section 4.2 for PLE,
layers of CGC, in which shared and task-specific parts drift apart.

Letters: B batch, D input width, K experts of a task, S shared experts, H expert width, T tasks.
"""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import Experts, GatingNetwork, HandDesigned, Layers, Sizes, TaskNetwork, numbered
from automtl_core.modules.inputs import Inputs


class CGCSettings(Sizes):
    """Sizes of CGC."""

    shared_experts: int = Field(2, ge=1, le=1000)
    """Number of experts that all tasks share, at each level."""
    task_experts: int = Field(1, ge=1, le=1000)
    """Number of task-specific experts of each task, at each level."""


class ExtractionLayer(nn.Module):
    """g_t = sum_k softmax(W_t x_t)_k * S_t,k, S_t the experts of task t and the shared ones (eq. 1 to 3).

    A layer that is not the last one also has g_s over all experts, on the input of the shared part.

    Args:
        widths: D, hidden widths and H of an expert.
        tasks: Names of the tasks.
        experts: Number of experts of a task, and of shared ones.
        dropout: Dropout of the experts.
        name: Name of a layer that is not the last one; the last one, without a name, has no gating network of
            the shared part.

    """

    def __init__(
        self,
        widths: Sequence[int],
        tasks: Sequence[str],
        experts: tuple[int, int],
        dropout: float,
        name: str = "",
    ) -> None:
        super().__init__()
        own = [numbered(experts[0], f"{task}-expert") for task in tasks]
        shared = numbered(experts[1], "shared-expert")
        self.experts = nn.ModuleList(Experts(widths, len(group), dropout) for group in (*own, shared))
        self.gating = nn.ModuleList(
            GatingNetwork(widths[0], [*of_task, *shared], f"{name or 'task'}/{task}")
            for task, of_task in zip(tasks, own, strict=True)
        )
        everyone = [expert for group in (*own, shared) for expert in group]
        self.shared_gating = GatingNetwork(widths[0], everyone, f"{name}/shared") if name else None

    def forward(self, xs: Sequence[Tensor]) -> list[Tensor]:  # T + 1 x [B, D] -> T or T + 1 x [B, H]
        *own, shared = [experts(x) for experts, x in zip(self.experts, xs, strict=True)]  # [B, K or S, H]
        out = [
            gating_network(x, torch.cat([experts, shared], dim=1))
            for gating_network, x, experts in zip(self.gating, xs[:-1], own, strict=True)
        ]
        if self.shared_gating is not None:
            out.append(self.shared_gating(xs[-1], torch.cat([*own, shared], dim=1)))
        return out


class CGCNetwork(TaskNetwork):
    """y_t = tower_t(g_t), all parts on the same x (eq. 4)."""

    layer: ExtractionLayer

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the mixture of experts of each task."""
        mixed: Sequence[Tensor] = self.layer([x] * (len(self.towers) + 1))
        return mixed


class CGC(HandDesigned[CGCSettings]):
    """Task-specific experts beside shared ones, with a gating network per task (Tang et al., RecSys 2020)."""

    def body(self, inputs: Inputs) -> CGCNetwork:
        """Return the network without its towers."""
        s = self.settings
        widths, experts = [inputs.width, *s.expert_layers], (s.task_experts, s.shared_experts)
        return CGCNetwork(inputs, layer=ExtractionLayer(widths, self.tasks, experts, s.dropout))


class PLESettings(CGCSettings):
    """Sizes of PLE."""

    expert_layers: Layers = (96, 64)
    """Widths of the layers of an expert, at each level."""
    levels: int = Field(2, ge=1, le=100)
    """Number of extraction layers. 1 is CGC."""


class PLENetwork(TaskNetwork):
    """y_t = tower_t(g_t of the last level), g of level j on g of level j - 1 (eq. 5 and 6)."""

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
