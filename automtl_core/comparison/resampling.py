"""Scores of a model on resampled test rows: the bootstrap, with the same draws for all models.

Where rows have users, users are drawn whole, since what one of them does is no independent evidence.
Draws follow from the seed and the number of the resample alone. So the scores of two models are paired,
resample by resample, whoever computes them and when.

Letters: R rows, B resamples, T tasks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core import seeds
from automtl_core.dataset.schema import Task

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]
"""How often rows are drawn, [b, R]."""
Score = Callable[[Counts], Floats]
"""Counts -> a score of each resample, [b]; NaN where it is undefined."""

MOST, LEAST = 1000, 200
"""Resamples of a test part, and of a large one."""
WORK = 2_000_000_000
"""Rows times resamples from which on there are fewer."""
BLOCK = 200_000
"""Rows times resamples that are held at a time."""


def resamples(rows: int) -> int:
    """Return how many times a test part is resampled."""
    return int(np.clip(WORK // max(rows, 1), LEAST, MOST))


def resampled(
    tasks: Sequence[Task],
    labels: NDArray[Any],
    predictions: NDArray[Any],
    units: NDArray[np.int32],
    seed: int,
) -> Floats:
    """Return the score of each task on each resample, [B, T], NaN where it is undefined.

    Args:
        tasks: T of them.
        labels: [R, T], NaN where a row lacks the label; real ones standardised.
        predictions: Of these, [R, T]; of binary labels anything that orders them.
        units: Number of the user of each row, [R], who is drawn whole; 0 for a row that is drawn by itself.
        seed: Of the draws.

    """
    scores = [_score(task, labels[:, t], predictions[:, t]) for t, task in enumerate(tasks)]
    unit, size = _numbered(units)
    count = resamples(len(units))
    found = np.empty((count, len(tasks)))
    step = max(1, BLOCK // len(units))
    for start in range(0, count, step):
        numbers = range(start, min(start + step, count))
        counts = np.stack([_drawn(size, seed, number)[unit] for number in numbers])
        for t, score in enumerate(scores):
            found[numbers, t] = score(counts)
    return found


def _numbered(units: NDArray[np.int32]) -> tuple[NDArray[np.intp], int]:
    """Return units as 0, 1, ..., each row without one as one of its own, and how many there are."""
    _, unit = np.unique(units, return_inverse=True)
    alone = units == 0
    unit[alone] = unit.max(initial=0) + 1 + np.arange(np.count_nonzero(alone))
    names, unit = np.unique(unit, return_inverse=True)
    return unit, len(names)


def _drawn(size: int, seed: int, number: int) -> Counts:
    """Return how often each of `size` units is drawn."""
    drawn = seeds.generator(seed, "resample", number).integers(size, size=size)
    return np.bincount(drawn, minlength=size).astype(np.int32)


def _score(task: Task, labels: NDArray[Any], predictions: NDArray[Any]) -> Score:
    known = np.flatnonzero(~np.isnan(labels))
    if task.kind == "regression":
        return _rmse(known, (predictions[known] - labels[known]) * task.deviation)
    return _area(known, labels[known], predictions[known])


def _area(known: NDArray[np.intp], labels: NDArray[Any], predictions: NDArray[Any]) -> Score:
    """Return what tells the AUC of counts; rows are sorted here, once."""
    positive = labels > 0
    above, below = predictions[positive], predictions[~positive]
    order = np.argsort(below)
    negatives, positives = known[~positive][order], known[positive]
    lower, upper = (np.searchsorted(below[order], above, side) for side in ("left", "right"))

    def score(counts: Counts) -> Floats:
        before = np.zeros((len(counts), len(negatives) + 1), dtype=np.int32)
        np.cumsum(counts[:, negatives], axis=1, out=before[:, 1:])
        mine = counts[:, positives].astype(np.float64)
        won = np.einsum("bp,bp->b", mine, before[:, lower] + before[:, upper]) / 2  # ties count half
        with np.errstate(invalid="ignore"):
            return np.asarray(won / (mine.sum(axis=1) * before[:, -1]))

    return score


def _rmse(known: NDArray[np.intp], errors: NDArray[Any]) -> Score:
    def score(counts: Counts) -> Floats:
        drawn = counts[:, known]
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(drawn @ errors**2 / drawn.sum(axis=1)))

    return score
