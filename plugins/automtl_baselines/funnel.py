"""Models of a funnel, which pass values from each task to the task that comes after it.

The papers' tasks are a chain; here a task comes after the one that `Task.after` names, if any.

- ESMM: Ma, Zhao, Huang, Wang, Hu, Zhu and Gai, "Entire Space Multi-Task Model: An Effective Approach for
  Estimating Post-Click Conversion Rate", SIGIR 2018. The probability of a task is that of the task before it
  times a conditional one, over all rows.
- AITM: Xi, Chen, Yan, Zhang, Zhu, Zhuang and Chen, "Modeling the Sequential Dependence among Audience
  Multi-step Conversions with Multi-task Learning in Targeted Display Advertising", KDD 2021. Each task passes
  its hidden values, through attention, to the next one.

Letters: B batch, D input width, H width of a task's MLP, T tasks.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from automtl_baselines.parts import HandDesigned, Sizes, TaskNetwork
from automtl_core.plugin import Inputs, Schema, UsageError, mlp


def funnel_steps(schema: Schema, model: str) -> list[tuple[int, int]]:
    """Return the column of each task that follows another one, and the column of the latter, in order.

    Args:
        schema: Schema of the tasks.
        model: Name of the model, for errors.

    Raises:
        UsageError: no task comes after another one, or the prediction of a task is no probability.

    """
    columns = {task.name: t for t, task in enumerate(schema.tasks)}
    steps = [(columns[task.name], columns[task.after]) for task in schema.funnel() if task.after]
    for t in itertools.chain(*steps):
        if not schema.tasks[t].type.probability:
            raise UsageError(
                f"{model} needs a funnel of binary tasks, and {schema.tasks[t].name!r} is of kind "
                f"{schema.tasks[t].kind}",
                fix="leave it out by dataset.tasks, take `after` out of dataset.labels where the dataset is "
                "`table`, or use another model, such as mmoe",
            )
    if not steps:
        raise UsageError(
            f"{model} needs a funnel of tasks that come after one another, and these tasks have no order",
            fix="if the dataset is `table`, add a setting like dataset.labels.purchase.after=click; "
            "otherwise use another model, such as mmoe, or a dataset whose tasks have an order",
        )
    return steps


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return the logit of sigmoid(a) * sigmoid(b), a and b of any shape.

    1/p = (1 + e^-a)(1 + e^-b), so 1/p - 1 = e^-a + e^-b + e^-(a + b): nothing overflows or cancels.
    """
    return -torch.logsumexp(torch.stack([-a, -b, -a - b]), dim=0)


class ESMMNetwork(TaskNetwork):
    """p_t = p_before(t) * sigmoid(tower_t(mlp_t(x))) (Ma et al. 2018, eq. 1), returned as logits."""

    mlps: nn.ModuleList
    """One per task, [B, D] -> [B, H]."""
    steps: Sequence[tuple[int, int]]
    """Column of each task that follows another one, and column of that other one; earlier first."""

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the output of the MLP of each task."""
        return [own(x) for own in self.mlps]

    def logits(self, x: Tensor) -> Tensor:  # [B, D] -> [B, T]
        """Return the logits of the tasks, each times those before it."""
        logits = list(super().logits(x).unbind(1))  # T x [B], conditional on the task before
        for t, before in self.steps:
            logits[t] = product(logits[before], logits[t])
        return torch.stack(logits, dim=1)


class ESMM(HandDesigned[Sizes]):
    """Product of conditional probabilities along a funnel of tasks (Ma et al., SIGIR 2018)."""

    def body(self, inputs: Inputs) -> ESMMNetwork:
        """Return the network without its towers."""
        s = self.settings
        widths = [inputs.width, *s.expert_layers]
        mlps = nn.ModuleList(mlp(widths, s.dropout, s.members) for _ in self.tasks)
        return ESMMNetwork(inputs, mlps=mlps, steps=funnel_steps(self.schema, "ESMM"))


CALIBRATOR = 0.6
"""Weight of the behavioural expectation calibrator in the loss, as in the paper."""


class Transfer(nn.Module):
    """z = sum_u w_u h1(u), u in (p, q), w = softmax of <h2(u), h3(u)> / sqrt(H) (the paper's AIT module).

    p = g(z of the task before), q is the output of this task's own MLP; each receiving task has its own g.
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
    """y_t = tower_t(z_t), z_t = transfer(z of the task before, mlp_t(x)), or mlp_t(x) for a first task."""

    mlps: nn.ModuleList
    steps: Sequence[tuple[int, int]]
    """As in `ESMMNetwork`."""
    transfers: nn.ModuleList
    """One per step."""

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return z of each task."""
        z = [own(x) for own in self.mlps]
        for (t, before), transfer in zip(self.steps, self.transfers, strict=True):
            z[t] = transfer(z[before], z[t])
        return z

    def penalty(self, logits: Tensor) -> Tensor:
        """Return the mean excess of a task's probability over the task before it: logits [B, T] -> scalar.

        The paper's behavioural expectation calibrator penalises a task that is predicted to be likelier than
        the task before it. It is divided by T: the paper sums the losses of the tasks,
        here the loss is their mean.
        """
        later, earlier = zip(*self.steps, strict=True)
        p = logits.sigmoid()
        excess = (p[:, later] - p[:, earlier]).relu().mean(0).sum()
        return CALIBRATOR * excess / logits.shape[1]


class AITM(HandDesigned[Sizes]):
    """Transfer by attention from each task to the task after it, in a funnel (Xi et al., KDD 2021)."""

    def body(self, inputs: Inputs) -> AITMNetwork:
        """Return the network without its towers."""
        s, steps = self.settings, funnel_steps(self.schema, "AITM")
        widths = [inputs.width, *s.expert_layers]
        mlps = nn.ModuleList(mlp(widths, s.dropout, s.members) for _ in self.tasks)
        transfers = nn.ModuleList(Transfer(s.expert_layers[-1], s.dropout) for _ in steps)
        return AITMNetwork(inputs, mlps=mlps, transfers=transfers, steps=steps)
