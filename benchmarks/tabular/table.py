"""The table: what came of every architecture of the slice, as `make.py` wrote it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from automtl_core.choices import Decision
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema
from automtl_core.search.trial import Problem
from automtl_core.training.batches import steps
from automtl_core.training.fit import NORM_ROWS
from tabular.slice import PROBLEMS, key, posed

FORMAT = 1
TABLE = Path(__file__).parent / "table.jsonl"


@dataclass(frozen=True)
class Training:
    """One training from scratch. Curves have a value an epoch."""

    seed: int
    validation: Mapping[str, Mapping[str, Sequence[float]]]
    """Task -> `auc` and `log_loss` -> curve."""
    best_epoch: int
    test: Mapping[str, float]
    """Task -> test AUC with the weights of the best epoch."""

    @property
    def epochs(self) -> int:
        """Epochs until patience was spent."""
        return len(next(iter(self.validation.values()))["auc"])

    @property
    def validation_auc(self) -> float:
        """Validation AUC of the best epoch, mean over tasks."""
        return float(np.mean([curves["auc"][self.best_epoch - 1] for curves in self.validation.values()]))


@dataclass(frozen=True)
class Record:
    """What there is to know of an architecture on a problem."""

    decisions: Mapping[str, Decision]
    """That the network depends on."""
    parameters: int
    flops_per_row: int
    """Of prediction."""
    trainings: Sequence[Training]
    """One a seed."""

    def __deepcopy__(self, memo: Any) -> "Record":
        return self  # it never changes, and networks that hold one are copied often

    def training(self, seed: int) -> Training:
        """Return a training for any seed: those that were made, in turns."""
        return self.trainings[seed % len(self.trainings)]

    @cached_property
    def test_auc(self) -> float:
        """Test AUC, mean over tasks and seeds: what the architecture is worth."""
        return float(np.mean([list(t.test.values()) for t in self.trainings]))

    @cached_property
    def validation_auc(self) -> float:
        """Validation AUC, mean over tasks and seeds."""
        return float(np.mean([t.validation_auc for t in self.trainings]))

    def cost(self, problem: Problem, seed: int) -> float:
        """Return operations of a whole training: steps, statistics of averaged weights, and validation.

        A step is three times a prediction: backwards, each product becomes two.
        """
        train, size = len(problem.data.train), problem.recipe.batch_size
        for_statistics = min(train, steps(NORM_ROWS, size) * size)
        rows = 3 * train + for_statistics + len(problem.data.validation)
        return float(self.flops_per_row * rows * self.training(seed).epochs)


@dataclass(frozen=True)
class Table:
    """Everything that was trained."""

    header: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Record]]
    """Problem -> key of the architecture -> record."""

    @classmethod
    def load(cls, path: Path = TABLE) -> "Table":
        """Read what `make.py` wrote."""
        first, *lines = path.read_text("utf-8").splitlines()
        records: dict[str, dict[str, Record]] = {kind: {} for kind in PROBLEMS}
        for line in lines:
            value = json.loads(line)
            kind, trainings = value.pop("problem"), value.pop("trainings")
            record = Record(trainings=[Training(**t) for t in trainings], **value)
            records[kind][key(record.decisions)] = record
        return cls(json.loads(first), records)

    def blank(self, kind: str) -> Problem:
        """Return a problem with as many rows, of which nothing can be learned: enough where all is played."""
        told = self.header["problems"][kind]
        schema = Schema.from_json(told["schema"])
        train, validation = (_blank(schema, told[part]) for part in ("train", "validation"))
        for t, positives in enumerate(told["validation_positives"]):
            validation.labels[:positives, t] = 1
        return posed(schema, train, validation, seed=0)


def _blank(schema: Schema, rows: int) -> Part:
    widths = (schema.sparse, np.int32), (schema.dense, np.float32), (schema.tasks, np.float32)
    return Part(*(np.zeros((rows, len(of)), dtype) for of, dtype in widths))
