"""Statistics of prepared data: `automtl data describe`.

Letters: R rows, T tasks. Arrays are read in chunks; memory holds a number for each value of a field, and a
digest for each row of the training part. Rows are compared by digests of 64 bits, see `data.known`: among 20
million different rows, two share a digest in one of 100,000 datasets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import chunks, held
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.schema import SparseField
from automtl_core.fields.numeric import Moments
from automtl_core.system.documents import Value
from automtl_core.system.progress import Progress, silent
from automtl_inspection.data_checks import parts_warnings
from automtl_inspection.leaks.histories import HistoryFacts, histories
from automtl_inspection.leaks.leaks import SingleFieldScore, alone, warnings

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


@dataclass(frozen=True)
class LabelFacts(Value):
    """Statistics of a label in one part."""

    rows: int
    """Rows with the label."""
    mean: float | None
    """Mean of the label; None if no row has the label."""
    positives: int | None = None
    """Number of rows with label 1; None for a regression."""
    weight: float | None = None
    """Sum of the weights of these rows; None without weights."""
    effective_rows: float | None = None
    """Number of rows of equal weight whose mean is as exact: (sum w)^2 / sum w^2 (Kish 1965)."""


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
    alone: Mapping[str, tuple[SingleFieldScore, ...]]
    """Task -> its best single predictors, see `leaks.alone`."""
    duplicates: Mapping[str, float]
    """Part -> share of rows that equal a training row; for the training part, another training row."""
    histories: Mapping[str, Mapping[str, HistoryFacts]]
    """History -> part -> statistics."""
    warnings: tuple[str, ...]
    """Unlike parts, copies in test rows, suspected leaks, and histories whose events do not fit the rows."""


def duplicates(prepared: Prepared) -> dict[str, float]:
    """Return the share of rows of each part that equal a training row; of training rows, another one."""
    train = prepared.rows("train")
    values, counts = np.unique(train, return_counts=True)
    others = {name: float(np.isin(prepared.rows(name), values).mean()) for name in PARTS[1:]}
    return {"train": float(counts[counts > 1].sum() / len(train)), **others}


def describe(prepared: Prepared, progress: Progress = silent) -> Described:
    """Return the statistics of prepared data."""
    schema, labels = prepared.schema, prepared.manifest["labels"]
    checks: Mapping[str, Callable[[], Any]] = {
        "rows": lambda: {name: len(prepared.part(name)) for name in PARTS},
        "sparse": lambda: {f.name: _sparse(f, prepared, place) for place, f in enumerate(schema.sparse)},
        "dense": lambda: {f.name: _dense(prepared, f.name, place) for place, f in enumerate(schema.dense)},
        "tasks": lambda: {
            task.name: {part: LabelFacts(**labels[part][task.name]) for part in PARTS}
            for task in schema.tasks
        },
        "correlation": lambda: _correlation(prepared),
        "alone": lambda: alone(prepared),
        "duplicates": lambda: duplicates(prepared),
        "histories": lambda: histories(prepared),
    }
    found = {}
    for place, (name, check) in enumerate(checks.items()):
        progress("leaks" if name == "alone" else name, place / len(checks))
        found[name] = check()
    known, share = [], found["duplicates"]["test"]
    if share >= 0.05:
        known = [
            f"{share:.0%} of the test rows equal a training row in all columns: scores count what "
            "is learned by heart; if they are copies, dataset.duplicates=drop keeps one of each"
        ]
    known += [*parts_warnings(prepared), *warnings(prepared, found["alone"])]
    return Described(**found, warnings=tuple(known))


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
    return facts


def _correlation(prepared: Prepared) -> tuple[tuple[float | None, ...], ...]:
    tasks = len(prepared.schema.tasks)
    # Sums over the rows that have both of two labels, [T, T]; the first label is the row of the matrix.
    sums, squares, products, rows = (np.zeros((tasks, tasks)) for _ in range(4))
    for chunk in chunks(prepared.part("train")):
        labels = np.asarray(chunk.labels, dtype=np.float64)
        known = (~np.isnan(labels)).astype(np.float64)
        labels = np.nan_to_num(labels)
        sums += labels.T @ known
        squares += (labels**2).T @ known
        products += labels.T @ labels
        rows += known.T @ known
    rows = np.maximum(rows, 1)
    spread = squares - sums**2 / rows
    scale = np.sqrt(spread * spread.T)
    shared = products - sums * sums.T / rows
    return tuple(
        tuple(round(float(value / size), 6) if size > 0 else None for value, size in zip(*both, strict=True))
        for both in zip(shared, scale, strict=True)
    )
