"""STEM: task-specific embeddings beside shared ones; a task reads all experts and trains some.

Su, Pan, Wang, Xiao, Quan, Chen and Jiang, "STEM: Unleashing the Power of Embeddings for Multi-Task
Recommendation", AAAI 2024.
"""

from collections.abc import Iterable

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import Experts, GatingNetwork, HandDesigned, Sizes, Towers, numbered
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs
from automtl_core.space import Chooser


class STEMSettings(Sizes):
    """Sizes of STEM."""

    experts: int = Field(1, ge=1, le=1000)
    """Number of experts per embedding table. Each task has a table, and one table is shared."""


class STEMNetwork(nn.Module):
    """y_t = tower_t(sum_k softmax(W_t (x_t + x_s))_k * expert_k), the sum over all tasks' and shared experts.

    x_t and the experts of task t read the embeddings of t; x_s and the shared experts read the shared ones.
    The gating is All Forward Task-specific Backward: task t sends no gradient to the experts of other tasks,
    and so none to their embeddings. Letters: B batch, D input width, K experts on a table, H expert width,
    T tasks.

    Args:
        inputs: Inputs with the embeddings of each task, and last with the shared ones.
        experts: Experts on each of these inputs.
        gating: One per task.
        towers: One per task.

    """

    def __init__(
        self,
        inputs: Iterable[Inputs],
        experts: Iterable[Experts],
        gating: Iterable[GatingNetwork],
        towers: Towers,
    ) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(inputs)
        self.experts = nn.ModuleList(experts)
        self.gating = nn.ModuleList(gating)
        self.towers = towers

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        xs = [inputs(features).flat() for inputs in self.inputs]  # T + 1 x [B, D]
        experts = [group(x) for group, x in zip(self.experts, xs, strict=True)]  # T + 1 x [B, K, H]
        mixed, shared = [], len(experts) - 1
        for t, gating_network in enumerate(self.gating):
            seen = [group if g in (t, shared) else group.detach() for g, group in enumerate(experts)]
            mixed.append(gating_network(xs[t] + xs[-1], torch.cat(seen, dim=1)))
        logits: Tensor = self.towers(mixed, xs[-1])  # T x [B, H]
        return logits


class STEM(HandDesigned[STEMSettings]):
    """Task-specific embeddings and experts beside shared ones (Su et al., AAAI 2024)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network."""
        s, owners = self.settings, [*self.tasks, "shared"]
        inputs = [self.encoder() for _ in owners]
        in_dim = inputs[0].width
        experts = [Experts([in_dim, *s.expert_layers], s.experts, s.dropout) for _ in inputs]
        names = [name for owner in owners for name in numbered(s.experts, f"{owner}-expert")]
        gating = [GatingNetwork(in_dim, names, f"task/{task}") for task in self.tasks]
        return STEMNetwork(inputs, experts, gating, self.towers(inputs[-1]))
