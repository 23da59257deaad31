"""The test of the network of a run: metrics, permutation importance and trivial baselines on test rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from automtl_core.choices import Architecture
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import Refresh
from automtl_core.dataset.schema import Schema
from automtl_core.leaks.leaks import alone, predictions
from automtl_core.run_dir.facts import Behaviour, Budget, Drifted, Importance, Refreshed, Result, Updated
from automtl_core.run_dir.progress import IMPORTANCE
from automtl_core.run_dir.run import Run
from automtl_core.space import SearchSpace
from automtl_core.system.documents import Value
from automtl_core.tasks.builtin import log_loss
from automtl_core.training.calibration import calibration
from automtl_core.training.compute import computing
from automtl_core.training.events import PhaseBegan, phase
from automtl_core.training.expert_use import expert_use
from automtl_core.training.importance import importance, sample
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import Metrics, by_unit, metrics_of, with_others
from automtl_core.training.significance import Baseline, baseline, corrected
from automtl_core.workflow.budget import IMPORTANCE_SHARE
from automtl_core.workflow.drift import drift_within
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained, restored, scaling
from automtl_core.workflow.update import gains
from automtl_core.workflow.work import Work


@dataclass(frozen=True)
class Evaluation(Value):
    """The repeated test of a finished run's network."""

    run: Path
    test: Metrics
    reachable: dict[str, float | None]
    """Test score of the true probabilities of generated labels, by task."""
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

    The permutation importance of fields is recorded before the result, so that a tested run has both.

    Registered metrics that the training did not add to those of the validation take a pass over its rows.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    work.turn_to_network()
    job, run, prepared = work.job, work.run, work.prepared
    result, registered = run.read(Result), job.metrics()
    with computing():
        space = work.space_of_network() or job.of(run.config()).space(prepared)
        made, refresh = _trained(job, run, prepared, space), space.schema.encodings.refresh
        part = prepared.refreshed("test", space.schema, refresh)
        validation = _validation(job, made, prepared, space.schema, result)
        start = time.monotonic()
        predicted = made.predict_logits(part)
        seconds_per_row = (time.monotonic() - start) / len(part)
        fields = fields_read(space, run.architecture(), prepared.schema)
        if updated := run.get(Updated):
            run.write(replace(updated, gains=gains(job, prepared.part("test"), predicted)))
        if effects := run_importance(work, made, fields, seconds_per_row):
            run.write(effects)
        behaviour = _behaviour(made, prepared, predicted, job.config.seed)
        run.write(replace(behaviour, refreshes=_refreshes(job, made, prepared, space.schema)))
    if prepared.can_refresh:
        run.write(Drifted(tuple(drift_within(prepared, job.config.seed))))
    run.write(
        replace(
            result,
            validation=validation,
            test=_measured(job, prepared, "test", predicted, registered),
            reachable=reachable(prepared),
            baselines=_baselines(prepared, predicted),
            metrics=job.config.metrics,
        )
    )


def run_importance(
    work: Work, made: Trained, fields: Sequence[str], seconds_per_row: float
) -> Importance | None:
    """Return the permutation importance of a run's network; None where it is turned off or has no time.

    Args:
        work: The run.
        made: Its network.
        fields: The fields and histories that it reads, see `fields_read`.
        seconds_per_row: Duration of one prediction, which limits the rows under a time budget.

    """
    run, schema, seed = work.run, work.prepared.schema, work.job.config.seed
    rows = work.job.config.importance.rows
    if budget := run.get(Budget):
        affordable = IMPORTANCE_SHARE * budget.seconds / (seconds_per_row * (len(fields) + 1))
        rows = min(rows, int(affordable))
    some = sample(work.prepared.part("test"), rows, seed)
    if not len(some):
        return None
    large = replace(made, batch_size=4 * made.batch_size)  # a prediction keeps no activations for gradients
    with phase(work.listener, PhaseBegan(IMPORTANCE)) as progress:
        return Importance(len(some), importance(large.predict_logits, some, schema, fields, seed, progress))


def fields_read(space: SearchSpace, architecture: Architecture, schema: Schema) -> list[str]:
    """Return the fields of data that a network reads, alone or in an aggregate, and the histories."""
    unread = space.sharing(architecture).unread()
    read = {name.partition(":")[0] for name in space.schema.history_inputs() if name not in unread}
    return [
        *(field for field in schema.fields() if field not in unread),
        *(history.name for history in schema.histories if history.name in read),
    ]


def _behaviour(made: Trained, prepared: Prepared, predicted: NDArray[np.float64], seed: int) -> Behaviour:
    """Return the behaviour of a network with these outputs [R, T] for the test rows."""
    some = sample(prepared.part("test"), 10_000, seed)
    use = (
        expert_use(made.network, made.encoder.with_numbers(some), made.batch_size, made.compute)
        if len(some)
        else None
    )
    labels = np.asarray(prepared.part("test").labels)
    binary = [(t, task) for t, task in enumerate(made.tasks) if task.type.probability]
    bins = {task.name: calibration(labels[:, t], predicted[:, t]) for t, task in binary}
    tested = [(t, task.name) for t, task in binary if bins[task.name]]
    scaled = [(t, name, made.scaling[name]) for t, name in tested if name in made.scaling]
    without = {name: log_loss(labels[:, t], one.undone(predicted[:, t])) for t, name, one in scaled}
    return Behaviour(use, bins, without)


def is_tested(job: Job, run: Run) -> bool:
    """Return whether a trained run is tested with the metrics of the job."""
    result = run.read(Result)
    return result.test is not None and result.metrics == job.config.metrics


def evaluate_run(job: Job, run: Run, prepared: Prepared) -> Metrics:
    """Return the test metrics of a finished run's network, from its files alone.

    The data is that of the network, see `Run.served`.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    return _measured(job, prepared, "test", predict_logits(job, run, prepared), job.metrics())


def predict_logits(job: Job, run: Run, prepared: Prepared) -> NDArray[Any]:
    """Return the output of a finished run's network for the R test rows, [R, T].

    See `training.loop.predict`. The data is that of the network, see `Run.served`.

    Raises:
        ArtifactError: as in `evaluate_run`.

    """
    with computing():
        space = job.of(run.config()).space(prepared)  # with the settings that its search chose
        part = prepared.refreshed("test", space.schema, space.schema.encodings.refresh)
        return _trained(job, run, prepared, space).predict_logits(part)


def _trained(job: Job, run: Run, prepared: Prepared, space: SearchSpace) -> Trained:
    size, compute = job.config.training.batch_size, job.compute()
    network, encoder = restored(space, run, compute), prepared.encoder_of(space.schema)
    return Trained(network, encoder, compute, size, scaling=scaling(run))


def _measured(
    job: Job, prepared: Prepared, name: str, logits: NDArray[Any], registered: Mapping[str, Metric]
) -> Metrics:
    """Return the metrics of the output [R, T] of a network for a part."""
    part, dataset = prepared.part(name), job.dataset()
    found = metrics_of(prepared.schema.tasks, np.asarray(part.labels), logits, part.groups, registered)
    if prepared.schema.lists is not None:
        return by_unit(found, "lists")
    return by_unit(found, "buckets") if dataset.user in dataset.settings.hashed else found


def _refreshes(
    job: Job, made: Trained, prepared: Prepared, schema: Schema
) -> dict[str, dict[str, float | None]]:
    """Return the scores of test rows for each time at which aggregates can be brought up to date."""
    if not schema.encodings.keys or not prepared.can_refresh:
        return {}
    found: dict[str, dict[str, float | None]] = {}
    for refresh in get_args(Refresh):
        logits = made.predict_logits(prepared.refreshed("test", schema, refresh))
        metrics = _measured(job, prepared, "test", logits, {})
        found[refresh] = {task: one.evidence for task, one in metrics.items()}
    return found


def _validation(job: Job, made: Trained, prepared: Prepared, schema: Schema, trained: Result) -> Metrics:
    """Return the validation metrics of a training, with the registered metrics of its network."""
    if trained.metrics == job.config.metrics:
        return trained.validation
    registered = job.validation_metrics()
    if not registered or trained.refitted:  # after a refit, these rows are training rows
        return with_others(trained.validation)
    part = prepared.refreshed("validation", schema, schema.encodings.refresh)
    logits = made.predict_logits(part)
    return with_others(trained.validation, _measured(job, prepared, "validation", logits, registered))


def _baselines(prepared: Prepared, predicted: NDArray[np.float64]) -> dict[str, Baseline]:
    """Return the comparison of the output [R, T] for the test rows with trivial predictions, by task."""
    tasks, part = prepared.schema.tasks, prepared.part("test")
    labels = np.asarray(part.labels)
    best = alone(prepared, ["field"])
    fields = [best[task.name][0].name if best[task.name] else None for task in tasks]
    found: dict[int, Baseline | None] = {}
    for field in dict.fromkeys(fields):
        places = [t for t, one in enumerate(fields) if one == field]
        singles = repeat(None, len(places)) if field is None else predictions(prepared, field, places)
        for t, single in zip(places, singles, strict=True):
            alone_logits = None if single is None else tasks[t].type.logits_of(single)
            found[t] = baseline(tasks[t], labels[:, t], predicted[:, t], field, alone_logits, part.groups)
    return corrected({task.name: one for t, task in enumerate(tasks) if (one := found[t])})


def reachable(prepared: Prepared) -> dict[str, float | None]:
    """Return the test score of the true probabilities of generated labels, by task."""
    oracle, part = prepared.oracle("test"), prepared.part("test")
    scores: dict[str, float | None] = {}
    for t, task in enumerate(prepared.schema.tasks):
        known = ~np.isnan(part.labels[:, t])
        if oracle is not None and task.type.two_classes and np.isfinite(oracle[known, t]).all():
            groups = None if part.groups is None else part.groups[known]
            logits = task.type.logits_of(np.clip(oracle[known, t], 1e-15, 1 - 1e-15))
            found = task.type.metrics(part.labels[known, t], logits, groups)
            scores[task.name] = found.values[task.type.measures[0].key]
    return scores
