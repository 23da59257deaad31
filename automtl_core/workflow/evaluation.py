"""The test of the network of a run: its metrics, and what stages of plugins measure on test rows."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Schema
from automtl_core.run_dir.facts import Refreshed, Result, Updated
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Point
from automtl_core.search.strategy import SearchResult
from automtl_core.space import SearchSpace
from automtl_core.system.documents import Value
from automtl_core.training.compute import computing
from automtl_core.training.loop import predict
from automtl_core.training.metrics import Metrics, with_others
from automtl_core.training.significance import error_of_mean, losses_by_row
from automtl_core.workflow.job import Job
from automtl_core.workflow.search_inputs import changed
from automtl_core.workflow.stage import OnTestRows, measured, stages
from automtl_core.workflow.trained import Trained, restored, scaling
from automtl_core.workflow.update import gains
from automtl_core.workflow.work import Work


@dataclass(frozen=True)
class Evaluation(Value):
    """The repeated test of a finished run's network."""

    run: Path
    test: Metrics
    repeats: bool
    """Whether the metrics equal those that the run recorded."""
    min_positives: int
    """Rows of either class that a task needs to count in the mean over tasks; from the recipe."""
    changed: tuple[str, ...]
    """Differences of data and environment to those of the run."""
    refreshed: Refreshed | None = None
    """What the aggregates have seen since; the test is that of the training, without it."""


def test(work: Work) -> None:
    """Test the trained network of a run, and add its metrics to the result.

    What stages measure is recorded before the result, so that a tested run has both.

    Registered metrics that the training did not add to those of the validation take a pass over its rows.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    job, run, prepared = work.job, work.run, work.run.served(work.prepared)
    result, registered = run.read(Result), job.metrics()
    with computing():
        space, made, part = _on_test_rows(job, run, prepared)
        validation = _validation(job, made, prepared, space.schema, result)
        start = time.monotonic()
        predicted = made.predict_logits(part)
        seconds_per_row = (time.monotonic() - start) / len(part)
        if updated := run.get(Updated):
            run.write(replace(updated, gains=gains(job, prepared.part("test"), predicted)))
        on = OnTestRows(job, run, prepared, space, made, predicted, seconds_per_row, work.listener)
        for stage in stages(job.registry):
            for fact in stage.measure(on):
                run.write(fact)
    tested = measured(job, prepared, prepared.part("test"), predicted, registered)
    found = replace(result, validation=validation, test=tested)
    run.write(replace(found, metrics=job.config.metrics))


def on_test_rows(job: Job, prepared: Prepared, result: SearchResult) -> tuple[Point, ...]:
    """Return the points of a search, with the losses of its trained models on the test rows."""
    points = {point.name: point for point in result.front}
    chosen = [point.name for point in result.front if point.chosen and point.name in result.models]
    if not chosen:
        return tuple(result.front)
    schema, recipe = changed(job, result.overrides).space(prepared).schema, job.recipe()
    part = prepared.refreshed("test", schema, schema.encodings.refresh)
    outputs = [predict(one, part, job.compute()) for one in result.models.values()]
    by_row = dict[str, NDArray[np.float64]]()  # task -> [models, R]
    for t, task in enumerate(schema.tasks):
        labels, own = part.labels[:, t], [output[:, t] for output in outputs]
        losses = losses_by_row(task, labels, own, part.groups, recipe.min_positives)
        if losses is not None:
            means, known = np.mean(losses, axis=1, keepdims=True), ~np.isnan(labels)
            by_row[task.name] = np.repeat(means, len(part), axis=1)
            by_row[task.name][:, known] += (np.stack(losses) - means) / known.mean()
    if by_row:
        found = dict(zip(result.models, np.mean(list(by_row.values()), axis=0), strict=True))
        for k, (name, one) in enumerate(found.items()):
            by_task = {task: float(of[k].mean()) for task, of in by_row.items()}
            loss, error = float(one.mean()), error_of_mean(one - found[chosen[0]], part.units)
            points[name] = replace(points[name], test_loss=loss, test_error=error, test_losses=by_task)
    return tuple(points.values())


def is_tested(job: Job, run: Run) -> bool:
    """Return whether a trained run is tested with the metrics of the job."""
    return (result := run.read(Result)).test is not None and result.metrics == job.config.metrics


def evaluate_run(job: Job, run: Run, prepared: Prepared) -> Metrics:
    """Return the test metrics of a finished run's network, from its files alone.

    The data is that of the network, see `Run.served`.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    return measured(job, prepared, prepared.part("test"), predict_logits(job, run, prepared), job.metrics())


def predict_logits(job: Job, run: Run, prepared: Prepared) -> NDArray[Any]:
    """Return the output of a finished run's network for the R test rows, [R, T].

    See `training.loop.predict`. The data is that of the network, see `Run.served`.

    Raises:
        ArtifactError: as in `evaluate_run`.

    """
    with computing():
        _, made, part = _on_test_rows(job, run, prepared)
        return made.predict_logits(part)


def _on_test_rows(job: Job, run: Run, prepared: Prepared) -> tuple[SearchSpace, Trained, Part]:
    """Return the space, the network and its test rows, with the settings that the search of a run chose."""
    space = Job.resolve(run.config(), job.registry, ["space"]).space(prepared)
    compute, encoder = job.compute(), prepared.encoder_of(space.schema)
    part = prepared.refreshed("test", space.schema, space.schema.encodings.refresh)
    return space, Trained(restored(space, run, compute), encoder, compute, scaling=scaling(run)), part


def _validation(job: Job, made: Trained, prepared: Prepared, schema: Schema, trained: Result) -> Metrics:
    """Return the validation metrics of a training, with the registered metrics of its network."""
    if trained.metrics == job.config.metrics:
        return trained.validation
    registered = {**job.monitor(), **job.metrics()}
    if not registered or trained.refitted:  # after a refit, these rows are training rows
        return with_others(trained.validation)
    logits = made.predict_logits(prepared.refreshed("validation", schema, schema.encodings.refresh))
    again = measured(job, prepared, prepared.part("validation"), logits, registered)
    return with_others(trained.validation, again)
