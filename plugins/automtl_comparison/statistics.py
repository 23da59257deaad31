"""Means with standard deviations, and paired differences with confidence intervals.

The mean difference of two models over cells (seeds and splits) has two sources of variance: the draw of test
rows, which follows from the influence of each unit (user, list or row) on a score (`Noise`), and the draw of
seeds and splits, which the variance over cells estimates. The two are added, after the contribution of rows
is subtracted from the variance over cells. Degrees of freedom are Satterthwaite's (1946), so that a few seeds
do not count as many.

Letters: C cells, R rows, T tasks, U units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.schema import Task
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Floats, Groups, TaskKind
from automtl_core.training.significance import Difference, clusters, influence

Place = tuple[int, int]
"""Seed of the split, and seed of the run."""
Influences = Mapping[str, Floats]
"""Task -> influence of each unit on its score, [U]; NaN where the score is undefined."""


@dataclass(frozen=True)
class Summary(Value):
    """Summary of values of several cells."""

    mean: float
    spread: float | None
    """Standard deviation over the cells; None for one cell."""


@dataclass(frozen=True)
class Noise(Value):
    """The contribution of test rows to the variance of differences."""

    error: float
    """Standard error of the mean over cells under other test rows and the same networks."""
    spread: float
    """Standard deviation over the cells due to test rows alone; 0 for one cell."""


def summary(values: Sequence[float]) -> Summary:
    """Return the mean and standard deviation of at least one value."""
    return Summary(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def trend(points: Sequence[tuple[float, float]]) -> Difference | None:
    """Return the slope of at least three points by least squares, with a 95 % interval by Student's t.

    None if all points have one place.
    """
    x, y = np.array(points, np.float64).T
    x, y = x - x.mean(), y - y.mean()
    if not (squares := float(x @ x)):
        return None
    slope, freedom = float(x @ y) / squares, len(x) - 2
    error = float((((y - slope * x) ** 2).sum() / freedom / squares) ** 0.5)
    return Difference.of(slope, error, freedom=freedom, cells=len(x))


def noise(differences: Sequence[tuple[int, Floats]]) -> Noise | None:
    """Return the contribution of rows to the differences of C cells, None where it is unknown.

    Args:
        differences: For each cell its split, whose cells have the same units, and the influence of each unit
            on its difference, [U].

    """
    shared = np.array(
        [[one @ other if a == b else 0.0 for b, other in differences] for a, one in differences]
    )
    if not np.isfinite(shared).all():
        return None
    count, mean = len(shared), float(shared.mean())
    spread = (float(shared.trace()) - count * mean) / max(count - 1, 1)
    return Noise(mean**0.5, max(0.0, spread) ** 0.5)


def noises(cells: Mapping[Place, Influences], base: Mapping[Place, Influences]) -> dict[str, Noise]:
    """Return the contribution of rows to the differences of two models by task, where it is known."""
    common = sorted(cells.keys() & base.keys())
    tasks = cells[common[0]] if common else ()
    found = {task: noise([(at[0], cells[at][task] - base[at][task]) for at in common]) for task in tasks}
    return {task: of_rows for task, of_rows in found.items() if of_rows is not None}


def paired(
    values: Sequence[float], reference: Sequence[float], rows: Noise | None, looks: int = 1
) -> Difference:
    """Return the mean difference of paired values, at least one pair.

    Args:
        values: Values of a model, by cell.
        reference: Values of the reference, by cell.
        rows: Contribution of test rows; None where it is unknown.
        looks: Number of differences that are looked at.

    """
    differences = np.subtract(values, reference)
    mean, cells = float(differences.mean()), len(differences)
    if rows is None:
        return Difference.of(mean, None, cells=cells)
    spread = float(differences.var(ddof=1)) if cells > 1 else 0.0
    variance = rows.error**2 + max(0.0, spread - rows.spread**2) / cells
    freedom = max(cells - 1, (cells - 1) * (variance * cells / spread) ** 2) if spread else np.inf
    return Difference.of(mean, variance**0.5, looks, freedom, cells)


MOST = 20_000
"""Largest number of units whose influences are apart. Of more, several count as one: the standard error is
within half a percent, and the file of a cell is small."""
PARTS = 100
"""Number of parts that are left out, one at a time, where a kind of task does not know the influence of rows:
a standard error is then within some 7 %."""


def influences(
    tasks: Sequence[Task], labels: NDArray[Any], predictions: NDArray[Any], users: Groups, groups: Groups
) -> Floats:
    """Return the influence of each unit on the score of each task, [T, U]; NaN where it is undefined.

    The influences on a score have the mean 0, and the sum of their squares is its squared error over other
    units, as a bootstrap that draws units whole estimates it (the infinitesimal jackknife). Those of a
    difference, or of a mean over tasks, are the differences or means of influences.

    Args:
        tasks: T tasks.
        labels: Stored labels, [R, T], NaN where a row lacks the label.
        predictions: Output of a network, [R, T].
        users: Number of the user of each row, [R], the unit; a row with 0 is one by itself. None without a
            user field: groups are units, or rows without these.
        groups: Numbers of the lists or users by which a metric judges, [R]; None without both.

    """
    units = groups if users is None else users
    unit = clusters(len(labels), units) % MOST
    found = np.full((len(tasks), int(unit.max(initial=0)) + 1), np.nan)
    for t, task in enumerate(tasks):
        known = np.flatnonzero(~np.isnan(labels[:, t]))
        y, z = (column[known, t].astype(np.float64) for column in (labels, predictions))
        lists = None if groups is None else groups[known]
        if _score(task.type, y, z, lists) is not None:
            scale = task.deviation if task.type.score.in_units else 1.0
            found[t] = scale * _influence(task.type, y, z, lists, unit[known], found.shape[1])
    return found


def _score(kind: TaskKind, labels: Floats, logits: Floats, groups: Groups) -> float | None:
    return kind.metrics(labels, logits, groups).values[kind.score.key] if len(labels) else None


def _influence(
    kind: TaskKind, labels: Floats, logits: Floats, groups: Groups, unit: NDArray[np.intp], count: int
) -> Floats:
    if (by_row := kind.score_by_row(labels, logits, groups)) is not None:
        return influence(by_row, unit, count)
    parts = min(count, PARTS)
    rest = (unit % parts != part for part in range(parts))
    without = [_score(kind, labels[r], logits[r], None if groups is None else groups[r]) for r in rest]
    scores, part_of = np.array(without, np.float64), np.arange(count) % parts
    by_part = (scores.mean() - scores) * (1 - 1 / parts) ** 0.5
    return np.asarray((by_part / np.bincount(part_of) ** 0.5)[part_of])  # shared by the units of a part
