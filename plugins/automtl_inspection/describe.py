"""Statistics of prepared data: `automtl data describe`.

Letters: R rows, T tasks. Arrays are read in chunks; memory holds a number for each value of a field, and a
hash for each row of the training part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.leaks.histories import HistoryFacts, histories
from automtl_core.data.leaks.leaks import Rule, SingleFieldScore, alone, rules, warnings
from automtl_core.data.part import chunks, held
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.schema import SparseField
from automtl_core.disk.value import Value
from automtl_core.fields.dense import Moments
from automtl_inspection.codes import codes
from automtl_inspection.duplicates import Duplicates, duplicates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SparseFacts(Value):
    """Statistics of a sparse field."""

    vocabulary: int
    """Number of values in the vocabulary."""
    top: float
    """Share of training rows with the most frequent value."""
    values_a_row: float | None
    """Mean number of values per training row; None for a single-valued field."""
    unknown_train: float
    """Share of rows whose value is blank, rare or unseen."""
    unknown_validation: float
    unknown_test: float


@dataclass(frozen=True)
class DenseFacts(Value):
    """Statistics of a dense field in training rows."""

    missing: float
    """Share of rows without a number."""
    mean: float | None
    """Mean; None, like the values below, if no row has a number."""
    deviation: float | None
    low: float | None
    high: float | None
    codes: int | None = None
    """Number of distinct values, if they are integers that look like codes; else None."""


@dataclass(frozen=True)
class LabelFacts(Value):
    """Statistics of a label in one part."""

    rows: int
    """Rows with the label."""
    mean: float | None
    """Mean of the label; None if no row has the label."""
    positives: int | None = None
    """Number of rows with label 1; None, and absent from JSON, for a regression."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found = super().to_json()
        return {key: value for key, value in found.items() if key != "positives" or value is not None}


@dataclass(frozen=True)
class Described(Value):
    """Statistics of prepared data, with warnings about likely faults."""

    rows: Mapping[str, int]
    """Part -> number of rows."""
    sparse: Mapping[str, SparseFacts]
    dense: Mapping[str, DenseFacts]
    tasks: Mapping[str, Mapping[str, LabelFacts]]
    """Task -> part -> statistics of the label."""
    correlation: tuple[tuple[float | None, ...], ...]
    """Correlation of labels, [T, T], over the training rows with both labels; None where one is constant."""
    rules: tuple[Rule, ...]
    """Rules between binary labels, see `leaks.rules`."""
    alone: Mapping[str, tuple[SingleFieldScore, ...]]
    """Task -> its best single predictors, see `leaks.alone`."""
    duplicates: Mapping[str, Duplicates]
    histories: Mapping[str, Mapping[str, HistoryFacts]]
    """History -> part -> statistics."""
    warnings: tuple[str, ...]
    """Suspected leaks, and histories whose events do not fit the rows."""


CHECKS: Mapping[str, Callable[[Prepared], Any]] = {
    "rows": lambda prepared: {name: len(prepared.part(name)) for name in PARTS},
    "sparse": lambda prepared: {
        field.name: _sparse(field, prepared, place) for place, field in enumerate(prepared.schema.sparse)
    },
    "dense": lambda prepared: {
        field.name: _dense(prepared, field.name, place) for place, field in enumerate(prepared.schema.dense)
    },
    "tasks": lambda prepared: {
        task.name: {part: LabelFacts(**prepared.manifest["labels"][part][task.name]) for part in PARTS}
        for task in prepared.schema.tasks
    },
    "correlation": lambda prepared: _correlation(_pairs(prepared)),
    "rules": lambda prepared: rules(prepared.schema, *_pairs(prepared)[:3]),
    "alone": alone,
    "duplicates": duplicates,
    "histories": histories,
}
"""Field of `Described` -> the function that computes it."""


def describe(prepared: Prepared, progress: Progress = silent) -> Described:
    """Return the statistics of prepared data."""
    found = {}
    for place, (name, check) in enumerate(CHECKS.items()):
        progress("leaks" if name == "alone" else name, place / len(CHECKS))
        found[name] = check(prepared)
    return Described(**found, warnings=tuple(warnings(prepared, found["alone"])))


def _sparse(field: SparseField, prepared: Prepared, place: int) -> SparseFacts:
    bags = prepared.part("train").bags.get(place)
    size = field.size if bags is None else len(bags.starts) - 1
    counts = {name: np.zeros(size, np.int64) for name in PARTS}  # rows with each id, or with each bag
    for name, count in counts.items():
        for chunk in chunks(prepared.part(name)):
            count += np.bincount(chunk.ids[:, place], minlength=size)
    of_values, lengths = counts["train"], np.minimum(np.arange(size), 1)
    if bags is not None:
        of_values, lengths = np.zeros(field.size, dtype=np.int64), np.diff(bags.starts)
        for owners, values in held(bags):
            np.add.at(of_values, values, counts["train"][owners])
    rows = counts["train"].sum()
    unknown = {f"unknown_{name}": float(n[lengths == 0].sum() / n.sum()) for name, n in counts.items()}
    return SparseFacts(
        vocabulary=field.size - 1,
        top=float(of_values[1:].max(initial=0) / rows),
        values_a_row=None if bags is None else float(lengths @ counts["train"] / rows),
        **unknown,
    )


def _dense(prepared: Prepared, name: str, place: int) -> DenseFacts:
    train, encoder, seen = prepared.part("train"), prepared.encoder.fields[name], Moments()
    for chunk in chunks(train):
        numbers = encoder.inverse(chunk.dense[:, place])
        seen.add(numbers[~np.isnan(numbers)])
    missing = 1 - seen.count / len(train)
    facts = DenseFacts(missing, seen.mean, seen.deviation, seen.low, seen.high)
    if not seen.count:
        return replace(facts, mean=None, deviation=None, low=None, high=None)
    some = train.some(slice(1 << 15))
    return replace(facts, codes=codes(encoder.inverse(some.dense[:, place]), some.labels))


class _Pairs(NamedTuple):
    """Sums over the rows that have both of two labels, [T, T]; the first label is the row of the matrix."""

    one: Floats
    """Sum of the first label."""
    product: Floats
    rows: Floats
    square: Floats
    """Sum of the square of the first label."""


def _pairs(prepared: Prepared) -> _Pairs:
    """Return the sums over the training rows."""
    tasks = len(prepared.schema.tasks)
    sums = _Pairs(*(np.zeros((tasks, tasks)) for _ in _Pairs._fields))
    for chunk in chunks(prepared.part("train")):
        labels = np.asarray(chunk.labels, dtype=np.float64)
        known = (~np.isnan(labels)).astype(np.float64)
        labels = np.nan_to_num(labels)
        products = (labels.T @ known, labels.T @ labels, known.T @ known, (labels**2).T @ known)
        for total, product in zip(sums, products, strict=True):
            total += product
    return sums


def _correlation(pairs: _Pairs) -> tuple[tuple[float | None, ...], ...]:
    rows = np.maximum(pairs.rows, 1)
    spread = pairs.square - pairs.one**2 / rows
    scale = np.sqrt(spread * spread.T)
    shared = pairs.product - pairs.one * pairs.one.T / rows
    return tuple(
        tuple(round(float(value / size), 6) if size > 0 else None for value, size in zip(*both, strict=True))
        for both in zip(shared, scale, strict=True)
    )
