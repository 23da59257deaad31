"""Scores of a model on resampled test rows: the bootstrap, with the same draws for all models.

Where rows have users, whole users are drawn, since rows of one user are not independent.
Draws depend on the seed and the number of the resample alone. So the scores of two models are paired by
resample, whichever process computes them.

The file `resampled.safetensors` of a run holds the scores of resamples and no rows, so it is small for any
number of rows. A file that is missing, damaged or of another run is computed again.

Letters: R rows, B resamples, T tasks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from automtl_core import seeds
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Task
from automtl_core.disk.state import load_state, save_state
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.job import Job

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]
"""Number of times that each row is drawn, [b, R]."""
Score = Callable[[Counts], Floats]
"""Counts -> the score of each resample, [b]; NaN where it is undefined."""

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
        with run.working():
            part, logits = prepared.part("test"), predict_logits(job, run, prepared)
            users = prepared.users("test")
            units = np.zeros(len(part), np.int32) if users is None else users
            scores = resampled(prepared.schema.tasks, part.labels, logits, units, int(fingerprint[:15], 16))
            save_state(run.path / FILE, {"origin": origin, "scores": torch.from_numpy(scores)})
    return {task.name: scores[:, t] for t, task in enumerate(prepared.schema.tasks)}


def resampled(
    tasks: Sequence[Task],
    labels: NDArray[Any],
    predictions: NDArray[Any],
    units: NDArray[np.int32],
    seed: int,
) -> Floats:
    """Return the score of each task on each resample, [B, T]; NaN where it is undefined.

    Args:
        tasks: T tasks.
        labels: [R, T], NaN where a row lacks the label; regression labels standardised.
        predictions: Predictions of the labels, [R, T]; for binary tasks any score that ranks rows.
        units: Number of the user of each row, [R]; users are drawn whole. A row with 0 is drawn by itself.
        seed: Seed of the draws.

    """
    scores = [_score(task, labels[:, t], predictions[:, t]) for t, task in enumerate(tasks)]
    unit, size = _numbered(units)
    count = resamples(len(units))
    values = np.empty((count, len(tasks)))
    step = max(1, BLOCK // len(units))
    for start in range(0, count, step):
        numbers = range(start, min(start + step, count))
        counts = np.stack([_drawn(size, seed, number)[unit] for number in numbers])
        for t, score in enumerate(scores):
            values[numbers, t] = score(counts)
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


def _score(task: Task, labels: NDArray[Any], predictions: NDArray[Any]) -> Score:
    known = np.flatnonzero(~np.isnan(labels))
    predicted = predictions[known].astype(np.float64)
    if task.kind == "regression":
        return _rmse(known, (predicted - labels[known]) * task.deviation)
    return _area(known, labels[known], predicted)


def _area(known: NDArray[np.intp], labels: NDArray[Any], predictions: NDArray[Any]) -> Score:
    """Return the function from counts to AUC; rows are sorted once, here."""
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
