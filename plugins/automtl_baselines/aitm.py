"""AITM: each task passes its hidden values, through attention, to the task that comes after it.

Xi, Chen, Yan, Zhang, Zhu, Zhuang and Chen, "Modeling the Sequential Dependence among Audience Multi-step
Conversions with Multi-task Learning in Targeted Display Advertising", KDD 2021.

The paper's tasks are a chain; here a task comes after the one that `Task.after` names, if any.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.funnel import funnel_steps
from automtl_baselines.parts import Towers, mlp
from automtl_baselines.sizes import AnyInputs, HandDesigned, Layers, Sizes, inputs_of, towers_of
from automtl_core.modules.features import Features
from automtl_core.space import Chooser


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


class AITMNetwork(nn.Module):
    """y_t = tower_t(z_t), z_t = transfer(z of the task before, mlp_t(x)), or mlp_t(x) for a first task.

    Letters: B batch, D input width, H width of a task's MLP, T tasks.

    Args:
        inputs: Shared by all tasks.
        mlps: One per task, [B, D] -> [B, H].
        transfers: One per step.
        towers: One per task.
        steps: Column of each task that follows another one, and column of that other one; earlier first.
        calibrator: Weight of the behavioural expectation calibrator in the loss.

    """

    def __init__(
        self,
        inputs: AnyInputs,
        mlps: Iterable[nn.Module],
        transfers: Iterable[Transfer],
        towers: Towers,
        steps: Sequence[tuple[int, int]],
        calibrator: float,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.mlps = nn.ModuleList(mlps)
        self.transfers = nn.ModuleList(transfers)
        self.towers = towers
        self.steps = steps
        self.calibrator = calibrator

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()  # [B, D]
        z = [own(x) for own in self.mlps]  # T x [B, H]
        for (t, before), transfer in zip(self.steps, self.transfers, strict=True):
            z[t] = transfer(z[before], z[t])
        logits: Tensor = self.towers(z, x)
        return logits

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

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network. It has no choices, except feature encodings if inputs are searched."""
        s = self.settings
        steps = funnel_steps(self.schema, "AITM")
        inputs = inputs_of(self, choose)
        mlps = [mlp([inputs.width, *s.expert_layers], s.dropout) for _ in self.schema.tasks]
        transfers = [Transfer(s.expert_layers[-1], s.dropout) for _ in steps]
        return AITMNetwork(inputs, mlps, transfers, towers_of(self.schema, s, inputs), steps, s.calibrator)
