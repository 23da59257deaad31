"""The stages of a run that train its network: the training, and the refit on validation rows too."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.data.store import ENCODER, Prepared
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.network import Ensemble
from automtl_core.run_dir.facts import Budget, Calibration, Result
from automtl_core.search.strategy import SearchResult
from automtl_core.search.trained import Fitted, members_of, trained_mean, untrained
from automtl_core.search.trial import Problem, Training
from automtl_core.training.calibration import calibrated, platt
from automtl_core.training.compute import computing
from automtl_core.training.events import REFIT, TRAIN, PhaseBegan, Planned, Warned
from automtl_core.training.fit import always
from automtl_core.training.learner import Learner
from automtl_core.training.loop import predict
from automtl_core.training.metrics import Metrics, metrics_of, with_others
from automtl_core.training.process import return_memory
from automtl_core.workflow.job import Job, Problems
from automtl_core.workflow.update import inherited, unread_rows
from automtl_core.workflow.versions import origin
from automtl_core.workflow.work import TRIALS, Recorder, Work


def begun(work: Work) -> bool:
    """Return whether the training after the search has begun, so that the search is over."""
    return any((work.run.path / TRIALS / TRAIN).glob("*/checkpoint*"))


@computing()
def train(work: Work, found: SearchResult | None) -> None:
    """Train the network of a run, perhaps again on validation rows too, and record it with its result.

    The test part is not read.

    Args:
        work: The run.
        found: The result of the search; None if an earlier process did the search, and began the training.

    """
    made, recorder, job = work.run, work.recorder, work.job
    training = work.training(TRAIN, architecture=Architecture(made.architecture().decisions))
    problem, prepared = work.problems(training), work.prepared
    first = last = _first(work, problem, training, found)
    scaling, validation = _calibrated(job, first.network, problem)
    if job.goes_on:  # a task with too few of the newest rows keeps its calibration
        before = job.parent().get(Calibration) or Calibration()
        scaling = Calibration({**before.scaling, **scaling.scaling})
    rows = len(problem.data.train if problem.data.recent is None else problem.data.recent)
    again = _again(work, training, first) if job.refits() else None
    if again is not None:
        problem, prepared, last = again
        prepared.encoder_of(problem.space.schema).save(made.path / ENCODER)
        origin_ = origin(job.registry, made.config().space, problem.space)
        made.write_architecture(replace(made.architecture(), origin=origin_))
    if last.moments:
        made.save_moments(last.moments)
    made.save_weights(last.network.state_dict())
    if job.config.calibrate:
        made.write(scaling)
    seconds, read = recorder.seconds.get(TRAIN), rows * _epochs_of(recorder, TRAIN)
    recorder.write_costs(rows_per_second=read / seconds if seconds else None)
    size_of = cost_of(last.network, blank_features(problem.space.schema, problem.compute.device))
    made.write(
        Result(
            best_epoch=max(first.best_epochs),
            best_epochs=first.best_epochs,
            cut_short=first.cut_short,
            **size_of.to_json(),
            validation=validation,
            files=made.sums(),
            metrics=job.config.metrics,
            refitted=again is not None,
        )
    )
    if (clock := work.clock) is not None:
        earlier = made.read(Budget)
        warned = tuple(dict.fromkeys([*earlier.warned, *clock.warned]))
        made.write(replace(earlier, ended={**earlier.ended, **clock.ended}, warned=warned))


def _first(work: Work, problem: Problem, training: Training, found: SearchResult | None) -> Fitted:
    """Return the network of a run, trained with early stopping by validation rows."""
    job = work.job
    if found is not None and found.trained and found.network is not None:
        best_epochs = found.best_epochs or (found.epochs,)
        return Fitted(found.network, best_epochs, any(map(problem.recipe.cut_short, best_epochs)))
    begin: dict[str, Any] = {}
    keep, recent = None, problem.data.recent
    if found is not None and found.network is not None:
        begin = {"network": found.network, "first_epoch": found.epochs}
    elif job.goes_on:
        network = untrained(problem, training.architecture)
        begin = {"network": network, "moments": inherited(job, network)}
        if recent is not None:
            keep = unread_rows(problem.data.train.some(recent), problem.space.schema, network)
    return_memory()
    in_time = work.clock.lasts if work.clock else always
    fitted = trained_mean(problem, training, work.recorder, in_time, **begin)
    if keep is not None:
        keep(fitted.network)
    return fitted


def _again(work: Work, training: Training, first: Fitted) -> tuple[Problem, Prepared, Fitted] | None:
    """Return a network that is trained again, on training and validation rows, with its problem and data.

    Its epochs, settings, architecture and calibration are those that validation rows chose before. None where
    it is not possible, or the listener ends it; a warning says so.
    """
    recorder, prepared = work.recorder, work.prepared.refit
    if not (_epochs_of(recorder, REFIT) or _can_refit(work, first)):
        return None
    how: dict[str, Any] = {"data": str(prepared.path), "until": first.best_epochs}
    training = work.training(REFIT, architecture=training.architecture, **how)
    problem = Problems(work.job.registry, prepared)(training)
    recorder(PhaseBegan(REFIT, (Planned(REFIT, _epochs(first), len(problem.data.train)),)))
    return_memory()
    # A refit that is ended is discarded, so its parts have no shares of the time.
    again = trained_mean(problem, training, recorder, before=lambda: first.network)
    if again.exhausted:
        return problem, prepared, again
    recorder(Warned("the refit was ended, and the network is that of the training before it"))
    return None


def _can_refit(work: Work, first: Fitted) -> bool:
    """Return whether a refit is possible; a warning says why not."""
    recorder = work.recorder
    for member in members_of(first.network):
        if isinstance(member, Learner) and not member.refits:
            what = f"{type(member).__name__} is not trained again on validation rows: it has no `refit`"
            recorder(Warned(what))
            return False
    # Seconds of an epoch: that of the training or, if the search trained the network, a mean over the search.
    seconds, epochs = recorder.seconds, _epochs_of(recorder, TRAIN)
    epoch = seconds[TRAIN] / epochs if epochs else sum(seconds.values()) / max(len(recorder.reports), 1)
    if work.clock is None or work.clock.has_time(epoch * _epochs(first)):
        return True
    what = "the network is not trained again on validation rows"
    recorder(Warned(f"{what}: there is no time left; raise the time budget"))
    return False


def _epochs(first: Fitted) -> int:
    """Return the epochs of a refit: members are trained one after the other, and tasks at the same time."""
    return sum(first.best_epochs) if isinstance(first.network, Ensemble) else max(first.best_epochs)


def _epochs_of(recorder: Recorder, phase: str) -> int:
    """Return the number of epochs of a phase, in all processes."""
    return sum(report["phase"] == phase for report in recorder.reports)


def _calibrated(job: Job, network: nn.Module, problem: Problem) -> tuple[Calibration, Metrics]:
    """Return the scaling of all binary tasks with enough validation rows of both classes, and all metrics.

    The validation rows have also stopped the training; two numbers add little to this choice.
    """
    tasks, recipe, rows = problem.data.tasks, problem.recipe, problem.data.validation
    labels, registered = np.asarray(rows.labels), {**job.monitor(), **job.metrics()}
    logits = predict(network, rows, problem.compute)
    validation = metrics_of(tasks, labels, logits, rows.groups)
    fitted = {
        task.name: platt(labels[:, place], logits[:, place])
        for place, task in enumerate(tasks)
        if job.config.calibrate
        and task.type.probability
        and validation[task.name].is_informative(recipe.min_positives)
    }
    scaling = Calibration({name: one for name, one in fitted.items() if one is not None})
    logits = calibrated(scaling.scaling, tasks, logits)
    measured = metrics_of(tasks, labels, logits, rows.groups, registered) if registered else {}
    return scaling, with_others(validation, measured)
