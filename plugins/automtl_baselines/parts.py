"""What hand-designed models are made of.

Letters: B batch, N sparse fields, M dense fields, D input width, T tasks, K experts, H expert width.
"""

import itertools
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_core.errors import UsageError
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.network import Ids
from automtl_core.schema import Schema
from automtl_core.settings import Settings


class Sizes(Settings):
    """Sizes that all hand-designed models have."""

    embedding_dim: int = Field(16, ge=1)
    """d, numbers per id."""
    embedding_std: float = Field(0.01, gt=0)
    """Standard deviation that embeddings start with."""
    expert_layers: tuple[int, ...] = Field((256, 64), min_length=1)
    """Widths of the layers of an expert, or of a bottom."""
    tower_layers: tuple[int, ...] = (64,)
    """Widths of the hidden layers of a task's tower."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of hidden values that training drops."""


class Inputs(nn.Module):
    """Embeddings and dense values side by side: ids of B examples, dense [B, M] -> [B, D], D = N*d + M."""

    def __init__(self, schema: Schema, dim: int, std: float) -> None:
        super().__init__()
        self.embedding = FieldEmbedding(schema.sparse, dim, std)
        self.width = len(schema.sparse) * dim + len(schema.dense)

    def forward(self, ids: Ids, dense: Tensor) -> Tensor:
        e: Tensor = self.embedding(ids).flatten(1)
        return torch.cat([e, dense.to(e.dtype)], dim=1)


def mlp(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Return Linear -> BatchNorm -> ReLU -> Dropout from each width to the next."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


def tower(in_dim: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Return an MLP with one logit at its end, [B, in_dim] -> [B, 1]."""
    widths = [in_dim, *hidden]
    return nn.Sequential(*mlp(widths, dropout), nn.Linear(widths[-1], 1))


class Experts(nn.ModuleList):
    """MLPs side by side: x [B, D] -> [B, K, H]."""

    def __init__(self, widths: Sequence[int], count: int, dropout: float) -> None:
        super().__init__(mlp(widths, dropout) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([expert(x) for expert in self], dim=1)


class Towers(nn.ModuleList):
    """A tower for each task, on what that task sees: T x [B, H] -> logits [B, T]."""

    def __init__(self, in_dim: int, tasks: int, sizes: Sizes) -> None:
        super().__init__(tower(in_dim, sizes.tower_layers, sizes.dropout) for _ in range(tasks))

    def forward(self, xs: Sequence[Tensor]) -> Tensor:
        return torch.cat([top(x) for top, x in zip(self, xs, strict=True)], dim=1)


class GatingNetwork(nn.Module):
    """sum_k softmax(W x)_k * expert_k, W bias-free: x [B, D], experts [B, K, H] -> [B, H]."""

    def __init__(self, in_dim: int, experts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_dim, experts, bias=False)

    def forward(self, x: Tensor, experts: Tensor) -> Tensor:
        return torch.einsum("bk,bkh->bh", self.linear(x).softmax(1), experts)


def funnel_steps(schema: Schema, model: str) -> list[tuple[int, int]]:
    """Return the columns of each task that comes after another and of that other, earlier steps first.

    Raises:
        UsageError: no task comes after another, or one of those that do is a regression; `model` is the name
            of the one that needs probabilities in order.

    """
    columns = {task.name: t for t, task in enumerate(schema.tasks)}
    steps = [(columns[task.name], columns[task.after]) for task in schema.funnel() if task.after]
    for t in itertools.chain(*steps):
        if schema.tasks[t].kind == "regression":
            raise UsageError(
                f"{model} needs tasks with probabilities to come after one another, and "
                f"{schema.tasks[t].name!r} is a regression",
                fix="take it out of the order (`after` in the dataset), leave it out by dataset.tasks, or "
                "use another model",
            )
    if not steps:
        raise UsageError(
            f"{model} needs tasks that come after one another, and the tasks of the dataset have no order",
            fix="state `after` in the dataset, such as after = {'purchase': 'click'}, or use another model",
        )
    return steps
