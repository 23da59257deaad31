"""Means with standard deviations, and paired differences with confidence intervals.

The mean difference of two models over cells (seeds and splits) has two sources of variance: the draw of test
rows, which a bootstrap estimates (`Noise`), and the draw of seeds and splits, which the variance over cells
estimates. The two are added, after the contribution of rows is subtracted from the variance over cells.
Degrees of freedom are Satterthwaite's (1946), so that a few seeds do not count as many.

Letters: C cells, B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Task
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.system import seeds
from automtl_core.system.documents import Value
from automtl_core.system.state import load_state, save_state
from automtl_core.tasks.kind import Floats, Groups
from automtl_core.training import significance
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.job import Job


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


@dataclass(frozen=True)
class Difference(Value):
    """The mean over cells of a model's score minus that of the reference."""

    mean: float
    low: float | None
    """Lower bound of the 95 % confidence interval; None where the variance is unknown."""
    high: float | None
    p: float | None
    """Two-sided p value; None where the variance is unknown."""
    adjusted_p: float | None = None
    """The p value after Holm's correction for the number of models, also of those that were scored before."""
    cells: int = 0
    """Number of pairs of trainings. With one pair, interval and p value are over test rows alone, and not
    over trainings: another seed may reverse a significant difference."""


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
    half = float(stdtrit(freedom, 0.975)) * error
    p = 2 * float(stdtr(freedom, -abs(slope) / error)) if error else None
    return Difference(slope, slope - half, slope + half, p, cells=len(x))


def noise(differences: Sequence[NDArray[np.float64]]) -> Noise | None:
    """Return the contribution of rows, from the differences of C cells on B resamples of the rows, C x [B].

    Where cells have different numbers of resamples, the first ones are used. Resamples with an undefined
    score, NaN, are left out; the result is None where fewer than two remain.
    """
    together = np.stack([of_cell[: min(map(len, differences))] for of_cell in differences])
    known = together[:, np.isfinite(together).all(axis=0)]
    if known.shape[1] < 2:
        return None
    error = float(known.mean(axis=0).std(ddof=1))
    if len(known) < 2:
        return Noise(error, 0.0)
    apart = known - known.mean(axis=1, keepdims=True)
    return Noise(error, float(apart.var(axis=0, ddof=1).mean() ** 0.5))


def paired(values: Sequence[float], reference: Sequence[float], rows: Noise | None) -> Difference:
    """Return the mean difference of paired values, at least one pair.

    Args:
        values: Values of a model, by cell.
        reference: Values of the reference, by cell.
        rows: Contribution of test rows; None where it is unknown.

    """
    differences = np.subtract(values, reference)
    mean, cells = float(differences.mean()), len(differences)
    if rows is None:
        return Difference(mean, None, None, None, cells=cells)
    spread = float(differences.var(ddof=1)) if cells > 1 else 0.0
    variance = rows.error**2 + max(0.0, spread - rows.spread**2) / cells
    freedom = max(cells - 1, (cells - 1) * (variance * cells / spread) ** 2) if spread else np.inf
    if variance == 0:  # the model is identical to the reference
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0, cells=cells)
    half = -float(stdtrit(freedom, (1 - 0.95) / 2)) * variance**0.5
    p = 2 * float(stdtr(freedom, -abs(mean) / variance**0.5))
    return Difference(mean, mean - half, mean + half, max(significance.SMALLEST, p), cells=cells)


def holm(differences: Mapping[str, Difference]) -> dict[str, Difference]:
    """Return the differences with p values adjusted for their number (Holm 1979)."""
    known = {name: d.p for name, d in differences.items() if d.p is not None}
    adjusted = significance.holm(known)
    return {name: replace(d, adjusted_p=adjusted.get(name)) for name, d in differences.items()}


Counts = NDArray[np.int32]
"""Number of times that each row is drawn, [b, R]."""

FILE = "resampled.safetensors"

BLOCK = 200_000
"""Rows times resamples that are held in memory at a time."""
Samples = Mapping[str, NDArray[np.float64]]
"""Task -> its score on each of B resamples, [B]; NaN where it is undefined."""


def resamples(rows: int) -> int:
    """Return the number of resamples of a test part, from 1000 for a small one to 200 for a large one."""
    return int(np.clip(2_000_000_000 // max(rows, 1), 200, 1000))


def samples(job: Job, run: Run, prepared: Prepared) -> Samples:
    """Return the scores of a tested run on resampled test rows; all runs on the data have the same resamples.

    Raises:
        RunInUseError: the scores are missing, and another process works on the run.

    """
    fingerprint = prepared.manifest["fingerprint"]
    test = run.read(Result).test or {}
    # The version is increased when the scores of an unchanged cell would change.
    origin = {"version": 1, "data": fingerprint, "test": {task: m.score for task, m in test.items()}}
    try:
        state = load_state(run.path / FILE)
    except ArtifactError:
        state = {}
    if state.get("origin") == origin:
        scores: NDArray[np.float64] = state["scores"].numpy()
    else:
        prepared = run.served(prepared)
        with run.working():
            part, logits = prepared.part("test"), predict_logits(job, run, prepared)
            scores = resampled(
                prepared.schema.tasks, part.labels, logits, part.users, part.groups, int(fingerprint[:15], 16)
            )
            save_state(run.path / FILE, {"origin": origin, "scores": torch.from_numpy(scores)})
    return {task.name: scores[:, t] for t, task in enumerate(prepared.schema.tasks)}


def resampled(
    tasks: Sequence[Task],
    labels: NDArray[Any],
    predictions: NDArray[Any],
    users: Groups,
    groups: Groups,
    seed: int,
) -> Floats:
    """Return the score of each task on each resample, [B, T]; NaN where it is undefined.

    Args:
        tasks: T tasks.
        labels: Stored labels, [R, T], NaN where a row lacks the label.
        predictions: Output of a network, [R, T].
        users: Number of the user of each row, [R], who are drawn whole; a row with 0 is drawn by itself. None
            without a user field: groups are drawn, or rows without these.
        groups: Numbers of the lists or users by which a metric judges, [R]; None without both.
        seed: Seed of the draws.

    """
    known = [np.flatnonzero(~np.isnan(column)) for column in labels.T]
    scores = [
        task.type.resampled(
            labels[rows, t], predictions[rows, t].astype(np.float64), None if groups is None else groups[rows]
        )
        for t, (task, rows) in enumerate(zip(tasks, known, strict=True))
    ]
    scales = [task.deviation if task.type.score.in_units else 1.0 for task in tasks]
    units = groups if users is None else users
    unit, size = _numbered(np.zeros(len(labels), np.int32) if units is None else units)
    count = resamples(len(labels))
    values = np.empty((count, len(tasks)))
    step = max(1, BLOCK // len(labels))
    for start in range(0, count, step):
        numbers = range(start, min(start + step, count))
        counts = np.stack([_drawn(size, seed, number)[unit] for number in numbers])
        for t, score in enumerate(scores):
            values[numbers, t] = scales[t] * score(counts[:, known[t]])
    return values


def _numbered(units: NDArray[np.int32]) -> tuple[NDArray[np.intp], int]:
    """Return units as 0, 1, ..., with a number for each row that has no unit, and the number of units."""
    _, unit = np.unique(units, return_inverse=True)
    alone = units == 0
    unit[alone] = unit.max(initial=0) + 1 + np.arange(np.count_nonzero(alone))
    names, unit = np.unique(unit, return_inverse=True)
    return unit, len(names)


def _drawn(size: int, seed: int, number: int) -> Counts:
    """Return the number of times that each of `size` units is drawn."""
    drawn = seeds.generator(seed, "resample", number).integers(size, size=size)
    return np.bincount(drawn, minlength=size).astype(np.int32)
