"""Small samples for contract tests: a schema, rows for it, a space and its architectures, a problem."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automtl_core.choices import Architecture, draw
from automtl_core.data.part import Bags, Part, drawn_history
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.fields.numeric import Dense
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.relaxation import Gate
from automtl_core.modules.supernet import FixedGate
from automtl_core.ops import OpFactory
from automtl_core.search.trial import Problem
from automtl_core.settings.settings import Settings
from automtl_core.space import Chooser, SearchSpace
from automtl_core.tasks.kind import TaskKind
from automtl_core.training.learner import TrainingData
from automtl_core.training.metrics import TaskMetrics
from automtl_core.training.recipe import Recipe

DIM, WIDTH = 4, 8
"""Numbers per id, and numbers of the layer."""


def sample_schema(
    dense: int = 1, regression: bool = True, multi: bool = True, single: bool = True, histories: bool = False
) -> Schema:
    """Return a schema with sparse and dense fields, and two binary tasks, the second after the first.

    With `regression` it also has a regression task, with `multi` a multi-valued field, and without `single`
    no single-valued sparse field. With `histories` rows have earlier events. Users' data has all of these, so
    a plugin is tested with them unless it declares that it does not support them.
    """
    first = (SparseField("user", 30), SparseField("item", 20)) if single else ()
    tags = (SparseField("tags", 12, "bag"),) if multi else ()
    last = (SparseField("tab", 4),) if single else ()
    price = (Task("price", kind="regression", mean=5.0, deviation=2.0),) if regression else ()
    past = History(
        "past", "user", "at", ("item", "tab"), ("click", "like"), numbers=(Dense("seconds"),), length=5
    )
    return Schema(
        sparse=(*first, *tags, *last),
        dense=tuple(DenseField(f"x{k}") for k in range(dense)),
        tasks=(Task("click"), *price, Task("like", after="click")),
        histories=(past,) if histories else (),
    )


def plain_schema(dense: int = 1) -> Schema:
    """Return a schema that every model supports: single-valued fields, binary tasks."""
    return sample_schema(dense, regression=False, multi=False)


def sample_part(schema: Schema, rows: int, seed: int, missing: float = 0.2) -> Part:
    """Return random rows whose labels depend on the last sparse field, or without one on the last number.

    The share `missing` of labels is missing, and half as large a share of numbers. The numbers of aggregates
    are random too.
    """
    draw = np.random.default_rng(seed)
    ids = np.zeros((rows, len(schema.sparse)), np.int32)
    for place, field in enumerate(schema.sparse):
        ids[:, place] = draw.integers(0, field.size, rows)
    bags = {p: _bags(field.size, draw) for p, field in enumerate(schema.sparse) if field.kind == "bag"}
    dense = draw.standard_normal((rows, len(schema.dense))).astype(np.float32)
    dense[draw.random(dense.shape) < missing / 2] = np.nan
    of_keys = draw.standard_normal((rows, schema.n_numbers - len(schema.dense))).astype(np.float32)
    odd = ids[:, -1:] % 2 if schema.sparse else dense[:, -1:] > 0
    labels = (draw.random((rows, len(schema.tasks))) < 0.2 + 0.6 * odd).astype(np.float32)
    real = [not task.type.two_classes for task in schema.tasks]
    labels[:, real] = 1.6 * odd - 0.8 + 0.6 * draw.standard_normal((rows, sum(real)))
    for column, task in zip(labels.T, schema.tasks, strict=True):
        if not task.type.two_classes:
            column[:] = labels_of(task.type, column)
    labels[draw.random(labels.shape) < missing] = np.nan
    histories = tuple(drawn_history(schema, history, ids, draw) for history in schema.histories)
    return Part(ids, np.concatenate([dense, of_keys], axis=1), labels, bags, histories=histories)


def labels_of(kind: TaskKind, numbers: NDArray[Any]) -> NDArray[Any]:
    """Return stored labels of a kind that rise with numbers of about deviation 1, [R]."""
    if kind.standardised:
        return numbers
    allowed = (2 * numbers + 2 * (not kind.two_classes)).clip(kind.low, kind.high)
    return np.ceil(allowed) if kind.whole else allowed


Value = float | None


def binary_metrics(
    auc: Value, log_loss: Value, positives: int, rows: int, *rest: Any, **more: Any
) -> TaskMetrics:
    """Return the metrics of a binary task, with a reason and registered ones in `others` where there are."""
    return TaskMetrics("binary", {"auc": auc, "log_loss": log_loss}, rows, positives, *rest, **more)


def regression_metrics(rmse: Value, mae: Value, r2: Value, rows: int, *rest: Any, **more: Any) -> TaskMetrics:
    """Return the metrics of a regression; see `binary_metrics`."""
    return TaskMetrics("regression", {"rmse": rmse, "mae": mae, "r2": r2}, rows, None, *rest, **more)


def _bags(size: int, draw: np.random.Generator) -> Bags:
    """Return as many bags as there are ids, of zero to three values each, the first one empty."""
    lengths = draw.integers(0, 4, size)
    lengths[0] = 0
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Bags(starts, draw.integers(1, size, starts[-1]).astype(np.int32))


class SampleNetwork(nn.Module):
    """One layer on the chosen fields. Letters: B batch, N sparse fields, M dense fields, T tasks."""

    def __init__(self, schema: Schema, gate: Gate | FixedGate, layer: nn.Module) -> None:
        super().__init__()
        self.embedding = FieldEmbedding(schema.sparse, DIM, std=0.01)
        self.gate = gate
        self.layer = layer
        self.head = nn.Linear(WIDTH + len(schema.dense), len(schema.tasks))

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        e = self.embedding(features)  # [B, N, DIM]
        kept = self.gate(e[:, list(self.gate.kept)], dim=1)  # [B, kept, DIM]
        h = self.layer(kept.sum(1))  # [B, WIDTH]
        logits: Tensor = self.head(torch.cat([h, features.dense], dim=1))
        return logits


class SampleSpace(SearchSpace):
    """The fields of the network, and the form of its layer."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network, with one choice of each kind."""
        gate = choose.any_of("fields", [field.name for field in self.schema.sparse])
        candidates: dict[str, Callable[[], nn.Module]] = {
            "linear": partial(nn.Linear, DIM, WIDTH),
            "hidden layer": lambda: nn.Sequential(nn.Linear(DIM, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)),
        }
        return SampleNetwork(self.schema, gate, choose.one_of("layer", candidates))


def sample_space(schema: Schema | None = None) -> SearchSpace:
    """Return a small search space, for `sample_schema()` by default, to check strategies with."""
    return SampleSpace(schema or sample_schema(), Settings(), _no_op)


def _no_op(name: str) -> OpFactory:
    raise UsageError(f"there is no op {name!r} in the sample space", "use the candidates of the space")


def sample_problem(
    space: SearchSpace[Any], rows: int = 256, seed: int = 0, epochs: int = 7, missing: float = 0.2
) -> Problem:
    """Return a problem on the CPU with sample rows for the schema of the space."""
    train, validation = (sample_part(space.schema, rows, k, missing) for k in (1, 2))
    data = TrainingData(train, validation, space.schema.tasks)
    recipe = Recipe(batch_size=64, epochs=epochs, min_positives=1)
    return Problem(space, data, recipe, seed)


def sample_architectures(space: SearchSpace[Any], count: int, seed: int = 0) -> Iterator[Architecture]:
    """Yield `count` architectures: first with all options, then with none, then uniform draws."""
    choices = space.choices()
    random = np.random.default_rng(seed)
    for number in range(count):
        yield draw(choices, random, share={0: 1.0, 1: 0.0}.get(number, 0.5))
