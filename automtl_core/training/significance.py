"""Significance: corrected p values, standard errors by row, and differences of models. Letters: R rows."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from automtl_core.dataset.schema import Task
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Floats, Groups

Name = TypeVar("Name", bound=Hashable)

SIGNIFICANCE = 0.01
"""Limit of p values, after correction, of what a search reports as a finding: the probability that it reports
any, if there is no effect at all."""
SMALLEST = 1e-300
"""Smallest p value that is recorded; smaller ones are as significant, and not every program can read them."""


def holm(p: Mapping[Name, float], comparisons: int | None = None) -> dict[Name, float]:
    """Return p values after the correction of Holm (1979), in the order of `p`.

    Args:
        p: P values.
        comparisons: Number of all comparisons, if some have no p value; these count as the largest ones.

    """
    count, largest, adjusted = comparisons or len(p), 0.0, dict[Name, float]()
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        adjusted[name] = largest = max(largest, min(1.0, (count - rank) * p[name]))
    return {name: adjusted[name] for name in p}


Standing = Literal["ahead", "level", "behind"]
"""The verdict on a model against another one."""


def half_interval(error: float, looks: int = 1, freedom: float = inf) -> float:
    """Return half of an interval, 95 % for `looks` differences together (Bonferroni), by Student's t."""
    return -float(stdtrit(freedom, 0.025 / looks)) * error


@dataclass(frozen=True)
class Difference(Value):
    """The score of a model minus that of another one, positive where the model is better."""

    mean: float
    low: float | None = None
    """Lower end of the interval, 95 % for all that were looked at; None where the error is unknown."""
    high: float | None = None
    p: float | None = None
    """Two-sided p value."""
    adjusted_p: float | None = None
    """P value times the number that was looked at, at most 1: below .05 where the interval excludes 0."""
    cells: int = 1
    """Number of pairs of trainings. With one pair, interval and p value are over test rows alone, and not
    over trainings: another seed may reverse a significant difference."""

    @classmethod
    def of(
        cls, mean: float, error: float | None, looks: int = 1, freedom: float = inf, cells: int = 1
    ) -> Self:
        """Return a difference with a standard error, of a number that were looked at."""
        if error is None:
            return cls(mean, cells=cells)
        half = half_interval(error, looks, freedom)
        p = max(SMALLEST, 2 * float(stdtr(freedom, -abs(mean) / error))) if error else float(mean == 0)
        return cls(mean, mean - half, mean + half, p, min(1.0, looks * p), cells)

    def standing(self, margin: float = 0.0) -> Standing | None:
        """Return the verdict: the whole interval is above a margin, below its opposite, or neither."""
        if self.low is None or self.high is None:
            return None
        return "ahead" if self.low > margin else "behind" if self.high < -margin else "level"


LEAST = 10
"""Least number of test rows of either class, or of all rows where labels have no classes."""


def losses_by_row(
    task: Task,
    labels: NDArray[np.float32],
    outputs: Sequence[Floats],
    groups: Groups = None,
    least: int = LEAST,
) -> list[Floats] | None:
    """Return the losses by row of several outputs, whose means are 1 - score; None if there are too few rows.

    Args:
        task: The task.
        labels: [R], NaN where missing: these rows are left out.
        outputs: Outputs of networks, or of fields, [R] each.
        groups: Number of the user or list of each row, [R].
        least: Least number of rows of either class, or of all rows where labels have no classes.

    """
    known, kind = ~np.isnan(labels), task.type
    truth, of_rows = np.asarray(labels[known], np.float64), None if groups is None else groups[known]
    if kind.effective_rows(truth, of_rows) < least or not kind.has_evidence(truth, of_rows):
        return None
    return [kind.losses_by_row(truth, one[known], of_rows) for one in outputs]


def clusters(rows: int, users: Groups) -> NDArray[np.int64]:
    """Return the number of the unit of each row, [R]: its user, or the row where there are not two users."""
    if users is None or not (numbers := pd.factorize(users)[0].astype(np.int64)).any():
        return np.arange(rows)
    alone = users == 0
    numbers[alone] = numbers.max(initial=0) + 1 + np.arange(np.count_nonzero(alone))
    return numbers


def influence(by_row: Floats, unit: NDArray[np.int64], count: int = 0) -> Floats:
    """Return the influence of at least `count` units on the mean of values by row, [U].

    Its norm is the standard error of the mean over other units.
    """
    return np.bincount(unit, by_row - by_row.mean(), count) / len(by_row)


def error_of_mean(by_row: Floats, users: Groups = None, labels: NDArray[Any] | None = None) -> float:
    """Return the standard error of the mean of values by row: over other users or, if larger, other rows.

    Args:
        by_row: Values of the rows with a label, [R].
        users: Number of the user of each row, 0 for none, with or without a label.
        labels: The label of each row, NaN where missing; None if all rows have one.

    """
    known = slice(None) if labels is None else ~np.isnan(labels)
    units = [clusters(len(by_row), of) for of in ([None] if users is None else [None, users[known]])]
    found = [influence(by_row, unit) for unit in units]
    return max(float(np.linalg.norm(one) * (len(one) / max(len(one) - 1, 1)) ** 0.5) for one in found)
