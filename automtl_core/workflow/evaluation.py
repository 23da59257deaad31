"""The test of the network of a run: metrics, permutation importance and trivial baselines on test rows."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.inspect.leaks import alone, predictions
from automtl_core.data.store import Prepared
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.training.baselines import Baseline, baseline, corrected
from automtl_core.training.events import Listener
from automtl_core.training.metrics import Metrics, auc, metrics_of
from automtl_core.workflow.importance import run_importance
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained, restored
from automtl_core.workflow.trainer import memory_errors


def test(job: Job, run: Run, prepared: Prepared, listener: Listener) -> Result:
    """Test the network of `fit`, add its metrics to the result, and return the result.

    The permutation importance of fields is recorded before the result, so that a tested run has both.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    with memory_errors():
        made, part = _trained(job, run, prepared), prepared.part("test")
        start = time.monotonic()
        predicted = made.predict_logits(part)
        seconds_per_row = (time.monotonic() - start) / len(part)
        if found := run_importance(job, run, prepared, made, seconds_per_row, listener):
            run.write(found)
    metrics = metrics_of(prepared.schema.tasks, np.asarray(prepared.part("test").labels), predicted)
    result = replace(
        run.read(Result),
        test=metrics,
        reachable=reachable(prepared),
        baselines=_baselines(prepared, predicted),
    )
    run.write(result)
    return result


def evaluate_run(job: Job, run: Run, prepared: Prepared) -> Metrics:
    """Return the test metrics of a finished run's network, from its files alone.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    return metrics_of(
        prepared.schema.tasks, np.asarray(prepared.part("test").labels), predict_logits(job, run, prepared)
    )


def predict_logits(job: Job, run: Run, prepared: Prepared) -> NDArray[np.float64]:
    """Return the output of a finished run's network for the R test rows, [R, T]; see `training.loop.predict`.

    Raises:
        ArtifactError: as in `evaluate_run`.

    """
    with memory_errors():
        return _trained(job, run, prepared).predict_logits(prepared.part("test"))


def _trained(job: Job, run: Run, prepared: Prepared) -> Trained:
    network = restored(job, run, prepared)
    return Trained(network, prepared.encoder, job.compute(), job.config.training.batch_size)


def _baselines(prepared: Prepared, predicted: NDArray[np.float64]) -> dict[str, Baseline]:
    """Return the comparison of each task with trivial predictions, on the test rows.

    Args:
        prepared: The data.
        predicted: Output of the network for the R test rows, [R, T].

    """
    labels, found, best = np.asarray(prepared.part("test").labels), {}, alone(prepared, ["field"])
    for t, task in enumerate(prepared.schema.tasks):
        field = best[task.name][0].name if best[task.name] else None
        single = None if field is None else predictions(prepared, field, task.name)
        if one := baseline(task, labels[:, t], predicted[:, t], field, single):
            found[task.name] = one
    return corrected(found)


def reachable(prepared: Prepared) -> dict[str, float | None]:
    """Return the test AUC of the true probabilities of generated labels, for binary tasks."""
    oracle, labels = prepared.oracle("test"), prepared.part("test").labels
    scores: dict[str, float | None] = {}
    for t, task in enumerate(prepared.schema.tasks):
        known = ~np.isnan(labels[:, t])
        if oracle is not None and task.kind == "binary" and np.isfinite(oracle[known, t]).all():
            scores[task.name] = auc(labels[known, t], oracle[known, t])
    return scores
