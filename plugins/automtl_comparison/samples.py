"""Scores of a cell on resampled test rows: computed once, then kept in the cell's run directory.

The file `resampled.safetensors` holds the scores of resamples and no rows, so it is small for any number of
rows. It can be computed from the cell: a file that is missing, damaged or of another cell is computed again.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from automtl_comparison.resampling import resampled
from automtl_core.data.store import Prepared
from automtl_core.disk.state import load_state, save_state
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.job import Job

FILE = "resampled.safetensors"
VERSION = 1
"""Increased when the scores of an unchanged cell would change."""

Samples = Mapping[str, NDArray[np.float64]]
"""Task -> its score on each of B resamples, [B]; NaN where it is undefined."""


def samples(job: Job, run: Run, prepared: Prepared) -> Samples:
    """Return the scores of a tested run on resampled test rows; all runs on the data have the same resamples.

    Raises:
        RunInUseError: the scores are missing, and another process works on the run.

    """
    fingerprint = prepared.manifest["fingerprint"]
    test = run.read(Result).test or {}
    origin = {"version": VERSION, "data": fingerprint, "test": {task: m.score for task, m in test.items()}}
    scores = _kept(run, origin)
    if scores is None:
        with run.working():
            part, logits = prepared.part("test"), predict_logits(job, run, prepared)
            users = prepared.users("test")
            units = np.zeros(len(part), np.int32) if users is None else users
            scores = resampled(prepared.schema.tasks, part.labels, logits, units, int(fingerprint[:15], 16))
            save_state(run.path / FILE, {"origin": origin, "scores": torch.from_numpy(scores)})
    return {task.name: scores[:, t] for t, task in enumerate(prepared.schema.tasks)}


def _kept(run: Run, origin: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Return the stored scores of a run; None where there are none, or their origin differs."""
    try:
        state = load_state(run.path / FILE)
    except ArtifactError:
        return None
    if state.get("origin") != origin:
        return None
    scores: NDArray[np.float64] = state["scores"].numpy()
    return scores
