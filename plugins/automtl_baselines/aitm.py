"""AITM: each task passes its hidden values, through attention, to the task that comes after it.

Xi, Chen, Yan, Zhang, Zhu, Zhuang and Chen, "Modeling the Sequential Dependence among Audience Multi-step
Conversions with Multi-task Learning in Targeted Display Advertising", KDD 2021.

The paper's tasks are a chain; here a task comes after the one that `Task.after` names, if any.
"""

import math
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.funnel import funnel_steps
from automtl_baselines.parts import TaskNetwork, mlp
from automtl_baselines.sizes import HandDesigned, Layers, Sizes
from automtl_core.modules.inputs import Inputs


class AITMSettings(Sizes):
    """Sizes of AITM."""

    expert_layers: Layers = (128, 64)
    """Widths of the layers of the MLP of each task."""
    calibrator: float = Field(0.6, ge=0)
    """Weight of the behavioural expectation calibrator in the loss. It penalises a task that is predicted to
    be likelier than the task before it."""


class Transfer(nn.Module):
    """z = sum_u w_u h1(u), u in (p, q), w = softmax of <h2(u), h3(u)> / sqrt(H) (the paper's AIT module).

    p = g(z of the task before), q is the output of this task's own MLP; each receiving task has its own g.
    Letters: B batch, H width.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.passed_on = mlp([width, width], dropout)  # g
        self.value, self.key, self.query = (nn.Linear(width, width) for _ in range(3))  # h1, h2, h3

    def forward(self, before: Tensor, q: Tensor) -> Tensor:  # [B, H], [B, H] -> [B, H]
        u = torch.stack([self.passed_on(before), q], dim=1)  # [B, 2, H]
        scores = (self.key(u) * self.query(u)).sum(2) / math.sqrt(u.shape[2])  # [B, 2]
        return torch.einsum("bu,buh->bh", scores.softmax(1), self.value(u))


class AITMNetwork(TaskNetwork):
    """y_t = tower_t(z_t), z_t = transfer(z of the task before, mlp_t(x)), or mlp_t(x) for a first task.

    Letters: B batch, D input width, H width of a task's MLP, T tasks.
    """

    mlps: nn.ModuleList
    """One per task, [B, D] -> [B, H]."""
    transfers: nn.ModuleList
    """One per step."""
    steps: Sequence[tuple[int, int]]
    """Column of each task that follows another one, and column of that other one; earlier first."""
    calibrator: float
    """Weight of the behavioural expectation calibrator in the loss."""

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return z of each task."""
        z = [own(x) for own in self.mlps]
        for (t, before), transfer in zip(self.steps, self.transfers, strict=True):
            z[t] = transfer(z[before], z[t])
        return z

    def penalty(self, logits: Tensor) -> Tensor:
        """Return the mean excess of a task's probability over the task before it: logits [B, T] -> scalar.

        The paper's behavioural expectation calibrator, divided by T: the paper sums the losses of the tasks,
        here the loss is their mean.
        """
        later, earlier = zip(*self.steps, strict=True)
        p = logits.sigmoid()
        excess = (p[:, later] - p[:, earlier]).relu().mean(0).sum()
        return self.calibrator * excess / logits.shape[1]


class AITM(HandDesigned[AITMSettings]):
    """Transfer by attention from each task to the task after it, in a funnel (Xi et al., KDD 2021)."""

    def body(self, inputs: Inputs) -> AITMNetwork:
        """Return the network without its towers."""
        s, steps = self.settings, funnel_steps(self.schema, "AITM")
        mlps = nn.ModuleList(mlp([inputs.width, *s.expert_layers], s.dropout) for _ in self.tasks)
        transfers = nn.ModuleList(Transfer(s.expert_layers[-1], s.dropout) for _ in steps)
        network = AITMNetwork(inputs, mlps=mlps, transfers=transfers)
        network.steps, network.calibrator = steps, s.calibrator
        return network
