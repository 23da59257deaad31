"""The earlier rows of a row: those of an earlier time, or of other folds.

Letters: R rows, E entries of rows in cells, W values.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from automtl_core.dataset.encodings import Refresh
from automtl_core.fields.field import Bools, Codes, Floats, Ints
from automtl_core.fields.lookup import mixed
from automtl_core.system import seeds

FOLDS = 5
"""Number of folds of the training rows where rows are not split by time."""
PERIODS = 20
"""Number of periods of the training rows where rows are split by time and aggregates are not refreshed."""


@dataclass(frozen=True)
class Earlier:
    """The rule by which a row sees other rows: those before a time of its own, or those of other folds."""

    times: Floats | None = None  # [R]
    seen_until: Floats | None = None  # [R]
    """Time before which a row sees the rows, from its own or that of its list, the delay and the refresh."""
    known_until: Floats | None = None  # [R]
    """Time before which labels are known at each row, where they come late or lists overlap; else None."""
    folds: Ints | None = None  # [R]

    def some(self, rows: Ints) -> "Earlier":
        """Return the rule for some of the rows."""
        names = ("times", "seen_until", "known_until", "folds")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        some = Earlier(**{name: of[rows] for name, of in arrays.items() if of is not None})
        for name in self.__dict__.keys() & {"moments", "ends"}:  # of all rows, which are sorted once
            distinct, places = getattr(self, name)
            some.__dict__[name] = distinct, places[rows]
        return some

    @cached_property
    def moments(self) -> tuple[Floats, Codes]:
        """The times, at least those that occur, and the place of each row among them."""
        return _distinct(self.times)

    @cached_property
    def ends(self) -> tuple[Floats, Codes]:
        """The values of `seen_until`, at least those that occur, and the place of each row among them."""
        return _distinct(self.seen_until)

    @property
    def seen(self) -> Ints:
        """The number of the times before each end, [ends]."""
        return np.searchsorted(self.moments[0], self.ends[0])

    @property
    def newest(self) -> Floats:
        """The time of the newest row before each end: half-lives count from it."""
        return self.moments[0][np.maximum(self.seen - 1, 0)]

    @cached_property
    def known(self) -> Bools | None:
        """Mask of the rows whose labels are known when the last row sees others, [R]; None for all."""
        if self.times is None or self.known_until is None or not len(self.times):
            return None
        return np.asarray(self.times < self.known_until.max())

    def kept(self, half_life: float | None) -> tuple[Floats, float]:
        """Return what is left of each row at the end of training, 0 if its labels are unknown then, [R].

        And the time of the newest row whose labels are known.
        """
        if self.folds is not None:
            return np.ones(len(self.folds)), 0.0
        assert self.times is not None  # noqa: S101 - either rule has its array
        known = np.ones(len(self.times), bool) if self.known is None else self.known
        time = float(self.times[known].max(initial=0.0))
        return left(np.maximum(time - self.times, 0.0), half_life) * known, time

    def sums(self, cells: Ints, half_life: float | None = None) -> "EarlierSums":
        """Return the sums over earlier rows in the cell of each row, whose number is in `cells`, [E]."""
        return EarlierSums(self, cells, half_life)


class EarlierSums:
    """Sums over the earlier rows of the same cell.

    Args:
        rule: The rule of the rows.
        cells: Number of the cell of each row, [E].
        half_life: Time after which a row counts half, for a rule by times; None for no end.

    """

    def __init__(self, rule: Earlier, cells: Ints, half_life: float | None = None) -> None:
        self.cells, self.folds, self.half_life = cells, rule.folds, half_life
        if rule.times is None:
            return
        distinct, ranks = rule.moments
        width = len(distinct) + 1  # a place for each time, and one behind all of them
        self.order = np.argsort(cells * width + ranks, kind="stable")
        of, ends = cells[self.order], rule.ends[1]
        first = np.flatnonzero(np.diff(of, prepend=-1))
        self.start, self.end = np.empty((2, len(cells)), np.int64)
        self.start[self.order] = np.repeat(first, np.diff(first, append=len(of)))
        behind = of * width + rule.seen[ends[self.order]]  # keys in order are found faster
        self.end[self.order] = np.searchsorted(of * width + ranks[self.order], behind)
        if half_life is not None:
            times = rule.times[self.order]
            self.kept = left(np.diff(times, prepend=0.0), half_life)  # of the sum at the entry before
            self.kept[first] = 0
            self.last = np.maximum(self.end - 1, 0)
            self.weight = np.where(
                self.end > self.start, left(rule.newest[ends] - times[self.last], half_life), 0
            )

    def of(self, values: Floats) -> Floats:
        """Return the sums of values [E, W] over the earlier rows of each row, [E, W].

        With a half-life h, a row at time t counts 2^-((n - t) / h), where n is the time of the newest of all
        rows that are seen.
        """
        found = np.empty(values.shape, order="F")  # columns are read and written one by one
        if self.folds is not None:
            places, size = self.cells * FOLDS + self.folds, (int(self.cells.max(initial=-1)) + 1) * FOLDS
            for column, of_column in zip(values.T, found.T, strict=True):
                of_folds = np.bincount(places, column, size)
                of_column[:] = of_folds.reshape(-1, FOLDS).sum(1)[self.cells] - of_folds[places]
        elif self.half_life is None:
            totals = np.zeros(len(values) + 1)
            for column, of_column in zip(values.T, found.T, strict=True):
                np.cumsum(column[self.order], out=totals[1:])
                of_column[:] = totals[self.end] - totals[self.start]
        else:
            sums = running(values.T[:, self.order], self.kept)
            found.T[:] = sums[:, self.last] * self.weight
        return found


def _distinct(times: Floats | None) -> tuple[Floats, Codes]:
    assert times is not None  # noqa: S101 - rows of other folds have no times
    places, distinct = pd.factorize(times, sort=True)  # less memory than a sort takes, if many are equal
    return distinct, places.astype(np.int32)


def left(ages: Floats, half_life: float | None) -> Floats:
    """Return the share of a sum that is left at an age; all of it without a half-life."""
    return np.ones_like(ages) if half_life is None else np.asarray(np.exp2(-ages / half_life))


def running(values: Floats, kept: Floats) -> Floats:
    """Return sums that keep a share of the sum before: s_i = kept_i s_(i - 1) + values_i, [W, E].

    Cumulative sums of weighted values would lose the small weights of early rows. Here no number is
    subtracted: each pass doubles the number of values in a sum (Hillis and Steele, CACM 1986).

    Args:
        values: Values, [W, E].
        kept: Shares, [E]; the first is 0.

    """
    values, kept, step = values.copy(), kept.copy(), 1
    while kept.any():
        values[:, step:] += kept[step:] * values[:, :-step]
        kept[step:] *= kept[:-step]
        step *= 2
    return values


def last_refresh(times: Floats, refresh: Refresh, unit: float = 1.0) -> Floats:
    """Return the time of the last refresh before each time, [R]; `unit` is that of times, in seconds.

    For `never` the rows are divided into `PERIODS` of equal size, and see the rows of earlier periods: their
    aggregates are then about as old as those of rows after the end of training.
    """
    if refresh == "always":
        return times
    if refresh == "never":
        starts = np.quantile(times, np.arange(PERIODS) / PERIODS, method="lower")
        return starts[np.searchsorted(starts, times, side="right") - 1]
    length = {"1d": 86_400.0, "1h": 3_600.0}[refresh] / unit
    return np.floor(times / length) * length


def rule_of(
    rows: int,
    times: Floats | None,
    delay: float = 0.0,
    users: Codes | None = None,
    refresh: Refresh = "never",
    began: Floats | None = None,
    overlap: bool = False,
    unit: float = 1.0,
) -> Earlier:
    """Return the rule of the data.

    Args:
        rows: Number of training rows, R.
        times: Their times, under a split by time.
        delay: Time from a row to its labels.
        users: Their users, under a split by users; or their lists; 0 for none.
        refresh: When aggregates are brought up to date in use.
        began: Time at which the list of each row begins, under a split by time; None without lists.
        overlap: Whether a list may begin before another one ends; periods do not.
        unit: Seconds of the unit of times.

    """
    if times is not None:
        times = np.asarray(times, np.float64)
        own, late = times if began is None else began, bool(delay) or (overlap and began is not None)
        return Earlier(times, last_refresh(own, refresh, unit) - delay, own - delay if late else None)
    numbers = np.arange(rows, dtype=np.uint64)
    if users is not None:  # rows without a user are on their own
        numbers = np.where(users > 0, users.astype(np.uint64) + np.uint64(rows), numbers)
    folds = mixed(numbers ^ np.uint64(seeds.derive(0, "folds") % 2**63)) % np.uint64(FOLDS)
    return Earlier(folds=folds.astype(np.int64))
