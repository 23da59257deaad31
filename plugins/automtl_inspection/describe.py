"""Statistics of prepared data: `automtl data describe`.

Letters: R rows, T tasks. Arrays are read in chunks; memory holds a number for each value of a field, and a
hash for each row of the training part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.leaks.histories import HistoryFacts, histories, history_warnings
from automtl_core.data.leaks.leaks import Rule, SingleFieldScore, alone, rules
from automtl_core.data.part import Part
from automtl_core.data.progress import Progress, silent
from automtl_core.data.rows import chunks, held
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.schema import SparseField
from automtl_core.disk.value import Value
from automtl_core.fields.dense import Moments
from automtl_core.fields.encode import FieldEncoder
from automtl_inspection.codes import codes
from automtl_inspection.duplicates import Duplicates, duplicates

CODED = 1 << 15
"""Number of rows for the detection of codes."""

Ints = NDArray[np.int64]
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
    history_warnings: tuple[str, ...]
    """Warnings about histories, see `histories.history_warnings`."""


def describe(prepared: Prepared, progress: Progress = silent) -> Described:
    """Return the statistics of prepared data."""
    parts = {name: prepared.part(name) for name in PARTS}
    progress("fields and labels", 0.0)
    sparse, dense, pairs = _sparse_fields(prepared, parts), _dense_fields(prepared), _pairs(parts["train"])
    progress("leaks", 0.3)
    scores = alone(prepared)
    progress("duplicates", 0.7)
    return Described(
        rows={name: len(part) for name, part in parts.items()},
        sparse=sparse,
        dense=dense,
        tasks=_tasks(prepared),
        correlation=_correlation(pairs),
        rules=rules(prepared.schema, pairs.one, pairs.product, pairs.rows),
        alone=scores,
        duplicates=duplicates(prepared),
        histories=histories(prepared),
        history_warnings=tuple(history_warnings(prepared)),
    )


def _sparse_fields(prepared: Prepared, parts: Mapping[str, Part]) -> dict[str, SparseFacts]:
    return {field.name: _sparse(field, parts, place) for place, field in enumerate(prepared.schema.sparse)}


def _dense_fields(prepared: Prepared) -> dict[str, DenseFacts]:
    train, encoders = prepared.part("train"), prepared.encoder.fields
    names = [field.name for field in prepared.schema.dense]
    return {name: _dense(train, place, encoders[name]) for place, name in enumerate(names)}


def _tasks(prepared: Prepared) -> dict[str, dict[str, LabelFacts]]:
    """Return the label counts of the manifest."""
    counted, tasks = prepared.manifest["labels"], [task.name for task in prepared.schema.tasks]
    return {task: {part: LabelFacts(**counted[part][task]) for part in PARTS} for task in tasks}


def _sparse(field: SparseField, parts: Mapping[str, Part], place: int) -> SparseFacts:
    bags = parts["train"].bags.get(place)
    size = field.size if bags is None else len(bags.starts) - 1
    counts = {name: _counts(part, place, size) for name, part in parts.items()}
    of_values, lengths = counts["train"], np.minimum(np.arange(size), 1)
    if bags is not None:
        of_values, lengths = np.zeros(field.size, dtype=np.int64), np.diff(bags.starts)
        for owners, values in held(bags):
            np.add.at(of_values, values, counts["train"][owners])
    rows = counts["train"].sum()
    unknown = {name: float(seen[lengths == 0].sum() / seen.sum()) for name, seen in counts.items()}
    return SparseFacts(
        vocabulary=field.size - 1,
        top=float(of_values[1:].max(initial=0) / rows),
        values_a_row=None if bags is None else float(lengths @ counts["train"] / rows),
        unknown_train=unknown["train"],
        unknown_validation=unknown["validation"],
        unknown_test=unknown["test"],
    )


def _counts(part: Part, place: int, size: int) -> Ints:
    """Return the number of rows with each id, or with each bag, of a field."""
    counts = np.zeros(size, dtype=np.int64)
    for chunk in chunks(part):
        counts += np.bincount(chunk.ids[:, place], minlength=size)
    return counts


def _dense(train: Part, place: int, encoder: FieldEncoder) -> DenseFacts:
    seen = Moments()
    for chunk in chunks(train):
        numbers = encoder.inverse(chunk.dense[:, place])
        seen.add(numbers[~np.isnan(numbers)])
    some = train.some(slice(CODED))
    missing = 1 - seen.count / len(train)
    facts = DenseFacts(missing, seen.mean, seen.deviation, seen.low, seen.high)
    if not seen.count:
        return replace(facts, mean=None, deviation=None, low=None, high=None)
    return replace(facts, codes=codes(encoder.inverse(some.dense[:, place]), some.labels))


class _Pairs(NamedTuple):
    """Sums over the rows that have both of two labels, [T, T]; the first label is the row of the matrix."""

    rows: Floats
    one: Floats
    """Sum of the first label."""
    square: Floats
    """Sum of its square."""
    product: Floats


def _pairs(part: Part) -> _Pairs:
    tasks = part.labels.shape[1]
    sums = _Pairs(*(np.zeros((tasks, tasks)) for _ in _Pairs._fields))
    for chunk in chunks(part):
        labels = np.asarray(chunk.labels, dtype=np.float64)
        known = (~np.isnan(labels)).astype(np.float64)
        labels = np.nan_to_num(labels)
        products = (known.T @ known, labels.T @ known, (labels**2).T @ known, labels.T @ labels)
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
