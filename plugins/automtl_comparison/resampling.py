"""Scores of a model on resampled test rows: the bootstrap, with the same draws for all models.

Where rows have users, whole users are drawn, since rows of one user are not independent.
Draws depend on the seed and the number of the resample alone. So the scores of two models are paired by
resample, whichever process computes them.

The file `resampled.safetensors` of a run holds the scores of resamples and no rows, so it is small for any
number of rows. A file that is missing, damaged or of another run is computed again.

Letters: R rows, B resamples, T tasks.
"""

from collections.abc import Mapping, Sequence
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
from automtl_core.tasks.kind import Floats
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.job import Job

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
        labels: Stored labels, [R, T], NaN where a row lacks the label.
        predictions: Output of a network, [R, T].
        units: Number of the user of each row, [R]; users are drawn whole. A row with 0 is drawn by itself.
        seed: Seed of the draws.

    """
    known = [np.flatnonzero(~np.isnan(column)) for column in labels.T]
    scores = [
        task.type.resampled(labels[rows, t], predictions[rows, t].astype(np.float64), units[rows])
        for t, (task, rows) in enumerate(zip(tasks, known, strict=True))
    ]
    scales = [task.deviation if task.type.score.in_units else 1.0 for task in tasks]
    unit, size = _numbered(units)
    count = resamples(len(units))
    values = np.empty((count, len(tasks)))
    step = max(1, BLOCK // len(units))
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
