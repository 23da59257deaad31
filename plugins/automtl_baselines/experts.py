"""Models of experts and gating networks: MMoE, CGC, PLE and STEM.

- MMoE, one set of experts and one gating network per task: Ma et al., "Modeling Task Relationships in
  Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
- CGC and PLE, experts of each task beside shared ones, at one or several levels: Tang, Liu, Zhao and Gong,
  "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for Personalized
  Recommendations", RecSys 2020, sections 4.1 and 4.2.
- STEM, task-specific embeddings beside shared ones; a task reads all experts and trains some: Su, Pan, Wang,
  Xiao, Quan, Chen and Jiang, "STEM: Unleashing the Power of Embeddings for Multi-Task Recommendation", AAAI
  2024.

Letters: B batch, D input width, K experts of a task, S shared experts, H expert width, T tasks.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import (
    Experts,
    GatingNetwork,
    GatingNetworks,
    HandDesigned,
    Layered,
    Layers,
    Sizes,
    TaskNetwork,
    Towers,
    numbered,
)
from automtl_core.plugin import BatchEnsemble, Chooser, Features, Inputs, Schema


class MMoESettings(Sizes):
    """Sizes of MMoE."""

    expert_layers: Layers = (256, 64)
    """Widths of the layers of an expert."""
    experts: int = Field(4, ge=1, le=1000)
    """Number of experts. All tasks share them."""


class MMoENetwork(TaskNetwork):
    """y_t = tower_t(sum_k softmax(W_t x)_k * expert_k(x)) (Ma et al. 2018, eq. 6 and 7).

    Letters: B batch, D input width, K experts, H expert width, T tasks.
    """

    experts: Experts
    gating: GatingNetworks

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the mixture of experts of each task."""
        mixed: Tensor = self.gating(x, self.experts(x))  # [B, T, H]
        return mixed.unbind(1)


class MMoE(HandDesigned[MMoESettings]):
    """Shared experts with a gating network per task (Ma et al., KDD 2018)."""

    def body(self, inputs: Inputs) -> MMoENetwork:
        """Return the network without its towers."""
        s = self.settings
        experts = Experts([inputs.width, *s.expert_layers], s.experts, s.dropout, s.members)
        readers = [f"task/{task}" for task in self.tasks]
        gating = GatingNetworks(inputs.width, numbered(s.experts), readers)
        return MMoENetwork(inputs, experts=experts, gating=gating)


class DINMMoE(MMoE):
    """MMoE that reads each history by target attention alone (DIN, KDD 2018), a baseline of histories."""

    needs_histories = True
    ignores = ("features.history",)

    def __init__(self, schema: Schema, *others: Any) -> None:
        """Store the schema with target attention in place of other inputs from histories."""
        encodings = schema.encodings.with_answers(history=("attention",))
        super().__init__(schema.encoded(encodings), *others)


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
        members: Number of members of the experts.
        first: Whether the input is the same for all members, see `mlp`.

    """

    def __init__(
        self,
        widths: Sequence[int],
        tasks: Sequence[str],
        experts: tuple[int, int],
        dropout: float,
        name: str = "",
        members: int = 1,
        first: bool = True,
    ) -> None:
        super().__init__()
        own = [numbered(experts[0], f"{task}-expert") for task in tasks]
        shared = numbered(experts[1], "shared-expert")
        self.experts = nn.ModuleList(
            Experts(widths, len(group), dropout, members, first) for group in (*own, shared)
        )
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


class CGC(HandDesigned[CGCSettings]):
    """Task-specific experts beside shared ones, with a gating network per task (Tang et al., RecSys 2020)."""

    def body(self, inputs: Inputs) -> Layered:
        """Return the network without its towers."""
        s = self.settings
        widths, experts = [inputs.width, *s.expert_layers], (s.task_experts, s.shared_experts)
        layer = ExtractionLayer(widths, self.tasks, experts, s.dropout, members=s.members)
        return Layered(inputs, copies=len(self.tasks) + 1, layer=layer)  # eq. 4


class PLESettings(CGCSettings):
    """Sizes of PLE."""

    expert_layers: Layers = (96, 64)
    """Widths of the layers of an expert, at each level."""
    levels: int = Field(2, ge=1, le=100)
    """Number of extraction layers. 1 is CGC."""


class PLE(HandDesigned[PLESettings]):
    """Several levels of CGC: shared and task-specific experts at each level (Tang et al., RecSys 2020)."""

    def body(self, inputs: Inputs) -> Layered:
        """Return the network without its towers."""
        s = self.settings
        experts = (s.task_experts, s.shared_experts)
        levels = nn.Sequential()  # eq. 5 and 6
        for level in range(1, s.levels + 1):
            widths = [inputs.width if level == 1 else s.expert_layers[-1], *s.expert_layers]
            name = f"level{level}" if level < s.levels else ""
            layer = ExtractionLayer(widths, self.tasks, experts, s.dropout, name, s.members, level == 1)
            levels.append(layer)
        return Layered(inputs, copies=len(self.tasks) + 1, levels=levels)


class STEMSettings(Sizes):
    """Sizes of STEM."""

    experts: int = Field(1, ge=1, le=1000)
    """Number of experts per embedding table. Each task has a table, and one table is shared."""


class STEMNetwork(BatchEnsemble):
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
        members: Number of members of experts and towers.

    """

    def __init__(
        self,
        inputs: Iterable[Inputs],
        experts: Iterable[Experts],
        gating: Iterable[GatingNetwork],
        towers: Towers,
        members: int = 1,
    ) -> None:
        super().__init__(members)
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
        return self.mean_of_members(self.towers(mixed))  # T x [B, H]


class STEM(HandDesigned[STEMSettings]):
    """Task-specific embeddings and experts beside shared ones (Su et al., AAAI 2024)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network."""
        s, owners = self.settings, [*self.tasks, "shared"]
        inputs = [self.encoder() for _ in owners]
        in_dim = inputs[0].width
        experts = [Experts([in_dim, *s.expert_layers], s.experts, s.dropout, s.members) for _ in inputs]
        names = [name for owner in owners for name in numbered(s.experts, f"{owner}-expert")]
        gating = [GatingNetwork(in_dim, names, f"task/{task}") for task in self.tasks]
        return STEMNetwork(inputs, experts, gating, self.towers(), s.members)
