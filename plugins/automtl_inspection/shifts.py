"""Drift: shares of values, and means of labels and scores, that differ between earlier and later rows.

A column is a set of indicators: whether a row has a value or, of a numeric column, a value between two
deciles of the earlier rows. Rows of a user are alike, so that an error takes them as one. The indicator of a
column that differs most stands for it; p values are corrected by Holm for all of them.

Letters: R rows, K indicators.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Part
from automtl_core.data.store import Prepared
from automtl_core.run_dir.facts import Fact
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Groups
from automtl_core.training.significance import SMALLEST, error_of_mean, half_interval, holm
from automtl_core.workflow.stage import OnTestRows, Stage
from automtl_inspection.importance import sample
from automtl_inspection.sections import Section, table

VALUES = 30
"""Largest number of values of a column that are compared; the others count together."""
BINS = 10
FEW = 20
"""A column of numbers with at most so many different ones is compared value by value; and an indicator of
fewer rows is not compared."""
MOST = 50_000
"""Largest number of rows of each side whose columns are compared: a random sample of more."""
UNSEEN = "unseen or missing"
MISSING, OTHERS, MEAN = "missing", "others", "mean"
Column = NDArray[Any]
"""Numbers, NaN where missing, or texts, empty where missing, [R]."""


class Rows(NamedTuple):
    """Earlier or later rows."""

    columns: Mapping[str, Column]
    """Fields."""
    means: Mapping[str, NDArray[np.floating[Any]]]
    """Labels and scores, NaN where missing, [R]."""
    users: NDArray[Any] | None
    """Number of the user of each row, [R]; None to take rows as independent."""


@dataclass(frozen=True)
class Shift(Value):
    """The largest difference between later and earlier rows in a column."""

    column: str
    value: str
    """The value, or range of values, whose share differs; or `mean`, `missing`, `others`."""
    before: float
    """Share of the earlier rows, or mean."""
    now: float
    low: float
    """Lower end of the interval of the difference: 95 % for all that is compared together."""
    high: float
    p: float
    """P value after the correction of Holm."""

    @property
    def drifted(self) -> bool:
        """Whether the difference is beyond chance."""
        return self.p < 0.05


@dataclass(frozen=True)
class Drifted(Fact):
    """The drift from the training rows to the test rows; absent where rows are not split by time."""

    file = "drift"

    shifts: tuple[Shift, ...]
    """The largest difference in each column, those beyond chance first."""


class DriftStage(Stage):
    """Compares the test rows with the training rows, where rows are split by time."""

    def measure(self, on: OnTestRows) -> Iterator[Drifted]:
        """Yield the drift."""
        if on.prepared.can_refresh:
            yield Drifted(tuple(drift_within(on.prepared, on.job.config.seed)))


def drift_within(prepared: Prepared, seed: int) -> list[Shift]:
    """Return the drift from the training rows to the test rows of prepared data."""
    encoder = prepared.encoder
    return shifts(*(rows_of(encoder, sample(prepared.part(name), MOST, seed)) for name in ("train", "test")))


def rows_of(encoder: Encoder, part: Part, scores: NDArray[np.float64] | None = None) -> Rows:
    """Return rows with their values, labels and, as columns too, scores [R, T]."""
    schema, columns = encoder.schema, dict[str, Column]()
    for place, field in enumerate(schema.sparse):
        if field.kind != "bag":
            values = encoder.fields[field.name].decode(np.asarray(part.ids[:, place]).tolist())
            columns[field.name] = np.array([UNSEEN if one is None else one for one in values], object)
    for place, number in enumerate(schema.dense):
        columns[number.name] = encoder.fields[number.name].inverse(part.dense[:, place])
    means = {}
    for t, task in enumerate(schema.tasks):
        means[task.name] = part.labels[:, t] * task.deviation + task.mean
        if scores is not None:
            columns[f"prediction of {task.name}"] = scores[:, t]
    return Rows(columns, means, part.users)


def shifts(before: Rows, now: Rows) -> list[Shift]:
    """Return the largest difference in each column that has one to compare, the largest first."""
    found: dict[tuple[str, str], _Difference] = {}
    for name, what, *sides in _indicators(before, now):
        (earlier, error), (later, other) = map(_mean, sides, (before.users, now.users))
        found[name, what] = _Difference(earlier, later, math.hypot(error, other))
    p = holm({key: one.p for key, one in found.items()})
    largest: dict[str, Shift] = {}
    for (name, what), one in sorted(found.items(), key=lambda pair: -pair[1].z):
        gap, width = one.now - one.before, half_interval(one.error, len(found))
        shift = Shift(name, what, one.before, one.now, gap - width, gap + width, p[name, what])
        largest.setdefault(name, shift)
    return sorted(largest.values(), key=lambda shift: (not shift.drifted, -abs(shift.now - shift.before)))


class _Difference(NamedTuple):
    before: float
    now: float
    error: float

    @property
    def z(self) -> float:
        gap = abs(self.now - self.before)
        return gap / self.error if self.error else np.inf if gap else 0.0

    @property
    def p(self) -> float:
        return max(SMALLEST, 2 * float(ndtr(-self.z)))


def _mean(values: NDArray[np.float64], users: Groups) -> tuple[float, float]:
    """Return the mean of the rows that are not NaN, and its standard error."""
    known = values[~np.isnan(values)]
    return float(known.mean()), error_of_mean(known, users, values)


def _indicators(
    before: Rows, now: Rows
) -> Iterator[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield what is compared with enough rows: a column, a value, and the numbers [R] whose means differ."""
    for name, earlier in before.columns.items():
        codes, names = _coded(earlier, now.columns[name])
        for k in np.flatnonzero(np.bincount(codes, minlength=len(names)) >= FEW).tolist():
            has = (codes == k).astype(np.float64)
            yield name, names[k], has[: len(earlier)], has[len(earlier) :]
    for name in before.means:
        sides = [np.asarray(of.means[name], np.float64) for of in (before, now)]
        if all(np.count_nonzero(~np.isnan(values)) >= FEW for values in sides):
            yield name, MEAN, sides[0], sides[1]


def _coded(before: Column, now: Column) -> tuple[NDArray[np.int64], list[str]]:
    """Return the code of the indicator that each row has, earlier rows first, and the names of all."""
    both = np.concatenate([before, now])
    if both.dtype.kind in "fiu":
        missing = np.isnan(both.astype(np.float64))
        if len(np.unique(both[~missing])) > FEW:
            edges = np.unique(np.nanquantile(before.astype(np.float64), np.arange(1, BINS) / BINS))
            words = [f"{edge:.6g}" for edge in edges]
            ranges = [f"{low} to {high}" for low, high in pairwise(words)]
            names = [f"below {words[0]}", *ranges, f"from {words[-1]}", MISSING]
            codes = np.searchsorted(edges, both, side="right")
            return np.where(missing, len(names) - 1, codes), names
        both = np.array(
            ["" if gone else f"{one:.6g}" for one, gone in zip(both, missing, strict=True)], object
        )
    numbers, values = pd.factorize(both)
    frequent = np.argsort(-np.bincount(numbers, minlength=len(values)), kind="stable")[:VALUES]
    places = np.full(len(values), len(frequent))
    places[frequent] = np.arange(len(frequent))
    return places[numbers], [*(str(values[k]) or MISSING for k in frequent), OTHERS]


def differences(shifts: Sequence[Shift], most: int) -> Section:
    """Return the largest differences of columns as a table, those beyond chance first."""
    rows = []
    for shift in shifts[:most]:
        share = shift.value != MEAN
        values = (shift.before, shift.now, shift.low, shift.high)
        before, now, low, high = (f"{100 * x:.1f} %" if share else f"{x:.4g}" for x in values)
        verdict = "beyond chance" if shift.drifted else "within chance"
        rows.append([shift.column, shift.value, before, now, f"{low} to {high}", verdict])
    left = [f"{len(shifts) - most} more columns differ less"] if len(shifts) > most else []
    note = (
        "share of rows before and now, of the value or range that differs most in the column; interval: of "
        "the difference, 95 % for all columns together, by users where they are known"
    )
    header = ["column", "value or range", "before", "now", "difference", "verdict"]
    return table(header, rows, "llrrrl", notes=[note, *left] if rows else [])
