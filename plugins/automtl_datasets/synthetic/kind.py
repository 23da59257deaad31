"""Base of the kinds of generated data, and draws of ids, effects and labels.

Letters: R rows, V values of a field.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.plugin import Dense, FieldKind, History, Label, Sparse, generator

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def zipf(values: int, exponent: float = 0.0) -> Floats:
    """Return frequencies [V], the ranks of the values to the power of -`exponent`; their sum is 1."""
    weights = np.arange(1, values + 1) ** -exponent
    return np.asarray(weights / weights.sum())


def draw(random: np.random.Generator, frequencies: Floats, rows: int) -> Ints:
    """Draw the numbers [R] of values, each from [0, V)."""
    return random.choice(len(frequencies), rows, p=frequencies)


def effects(random: np.random.Generator, frequencies: Floats) -> Floats:
    """Draw the effect of each value [V], with mean 0 and deviation 1 over rows."""
    drawn = random.standard_normal(len(frequencies))
    drawn -= frequencies @ drawn
    return np.asarray(drawn / np.sqrt(frequencies @ drawn**2))


def sigmoid(logit: Floats) -> Floats:
    """Return probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


def intercept(logit: Floats, rate: float) -> float:
    """Return the intercept of the logits for which the mean probability is `rate`."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sigmoid(logit + middle).mean() < rate else (low, middle)
    return low


class Chance(NamedTuple):
    """Positive rate of a label, and the fields that it depends on."""

    rate: float
    effects: Mapping[str, float]
    """Field -> standard deviation of its effect on the logit."""
    pairs: Mapping[tuple[str, ...], float] = {}
    """Fields, as a rule two -> standard deviation of their effect together; one field alone has no effect."""


def alike(
    rates: Mapping[str, float],
    effects: Mapping[str, float],
    pairs: Mapping[tuple[str, ...], float] | None = None,
) -> dict[str, Chance]:
    """Return tasks with the same effects: task -> its chance."""
    return {task: Chance(rate, effects, pairs or {}) for task, rate in rates.items()}


class Ids(NamedTuple):
    """A categorical field."""

    values: int
    """Number of values; some may not be drawn."""
    exponent: float = 0.0
    """Exponent of their Zipf frequencies; with 0 all values are equally frequent."""

    @property
    def frequencies(self) -> Floats:
        """The frequency of each value [V]; their sum is 1."""
        return zipf(self.values, self.exponent)


class Kind:
    """One problem: fields, tasks, and the effects of fields on tasks, which determine the optimal AUC.

    Args:
        seed: Seed of all random draws.
        rows: Number of rows to draw.

    """

    name: ClassVar[str]
    rows: ClassVar[int]
    """Default number of rows."""
    ids: ClassVar[Mapping[str, Ids]]
    numbers: ClassVar[tuple[str, ...]] = ()
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]]
    """Group -> task -> its positive rate, and the signed deviation of the effects of fields and pairs."""
    noise: ClassVar[tuple[str, ...]]
    """Fields without an effect."""
    user: ClassVar[str | None] = None
    time: ClassVar[str | None] = None
    split: ClassVar[Mapping[str, Any]] = {}
    """Default settings of the split, and of histories."""
    histories: ClassVar[tuple[History, ...]] = ()
    constants: ClassVar[Mapping[str, Any]] = {}
    """Further parameters of the rows, as JSON."""

    def __init__(self, seed: int, rows: int) -> None:
        self.seed, self.size = seed, rows

    @classmethod
    def tasks(cls) -> dict[str, Chance]:
        """Return all tasks in their order."""
        return {task: chance for tasks in cls.groups.values() for task, chance in tasks.items()}

    @classmethod
    def fields(cls) -> tuple[FieldKind, ...]:
        """Return categorical fields, then numbers."""
        return (*map(Sparse, cls.ids), *map(Dense, cls.numbers))

    @classmethod
    def labels(cls) -> tuple[Label, ...]:
        """Return the labels."""
        return tuple(map(Label, cls.tasks()))

    @classmethod
    def content(cls) -> Mapping[str, Any]:
        """Return the parameters of the random draws, as JSON."""
        by_task = {
            task: {"rate": c.rate, "effects": c.effects, "pairs": [[*pair, s] for pair, s in c.pairs.items()]}
            for task, c in cls.tasks().items()
        }
        return {"rows": cls.rows, "ids": cls.ids, "numbers": cls.numbers, "tasks": by_task, **cls.constants}

    def frame(self) -> pd.DataFrame:
        """Draw fields, then labels from their probabilities."""
        drawn = self.draw()
        columns: dict[str, Any] = {field: self.names(field)[drawn[field]] for field in self.ids}
        columns |= {column: values for column, values in drawn.items() if column not in self.ids}
        return pd.DataFrame(columns | self.drawn_labels(self.logits(drawn)))

    def draw(self) -> dict[str, Any]:
        """Draw the places of the values [R] of each categorical field, numbers [R], and the time, if any."""
        ids = {f: draw(self.random("values", f), of.frequencies, self.size) for f, of in self.ids.items()}
        return ids | {
            field: self.random("values", field).standard_normal(self.size) for field in self.numbers
        }

    def logits(self, drawn: Mapping[str, Any]) -> dict[str, Floats]:
        """Return the logit [R] of each task without intercept: the sum of the effects of pairs and fields."""
        logits = {}
        for group, tasks in self.groups.items():
            for task, chance in tasks.items():
                parts = [size * self.together(pair, group, drawn) for pair, size in chance.pairs.items()]
                parts += [size * self.alone(field, group, drawn) for field, size in chance.effects.items()]
                logits[task] = np.asarray(sum(parts))
        return logits

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect [R] of a field on a group, with deviation 1; here the same for all groups."""
        return self.effects(field)[drawn[field]] if field in self.ids else np.asarray(drawn[field])

    def together(self, pair: tuple[str, ...], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect [R] of a pair on a group: the product of the signs of both values."""
        left, right = (1.0 - 2 * (drawn[field] % 2) for field in pair)
        return np.asarray(left * right)

    def drawn_labels(self, logits: Mapping[str, Floats]) -> dict[str, Any]:
        """Draw labels with their rates, and return the columns of labels and of their probabilities."""
        columns: dict[str, Any] = {}
        for task, chance in self.tasks().items():
            chosen = sigmoid(logits[task] + intercept(logits[task], chance.rate))
            columns[task] = (self.random("label", task).random(self.size) < chosen).astype(np.int8)
            columns[oracle(task)] = chosen
        return columns

    def random(self, *purpose: str) -> np.random.Generator:
        """Return the generator of one purpose."""
        return generator(self.seed, "synthetic", self.name, *purpose)

    def effects(self, field: str, *of: str) -> Floats:
        """Draw the effect of each value [V], with mean 0 and deviation 1 over rows."""
        return effects(self.random("effects", field, *of), self.ids[field].frequencies)

    def names(self, field: str) -> NDArray[np.object_]:
        """Return the text of each value [V]."""
        return np.array([f"{field}_{number}" for number in range(self.ids[field].values)], dtype=object)


def scaled(values: Floats) -> Floats:
    """Return values [R] with mean 0 and deviation 1."""
    return np.asarray((values - values.mean()) / values.std())


def oracle(task: str) -> str:
    """Return the column of the true probabilities of a task."""
    return f"probability_{task}"
