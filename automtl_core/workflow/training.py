"""The stages of a run that train its network: the training, and the refit on validation rows too."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.data.store import ENCODER, Prepared
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.network import Ensemble
from automtl_core.run_dir.facts import Budget, Calibration, Chosen, Decided, Result
from automtl_core.search.strategy import Problem, SearchResult
from automtl_core.search.trained import Fitted, members_of, trained_mean, trainings, untrained
from automtl_core.search.trial import Training
from automtl_core.system.state import CHECKPOINTS
from automtl_core.training.calibration import calibrated, platt
from automtl_core.training.compute import computing
from automtl_core.training.events import REFIT, TRAIN, PhaseBegan, Planned, Warned
from automtl_core.training.fit import always
from automtl_core.training.learner import Learner
from automtl_core.training.loop import predict
from automtl_core.training.metrics import Metrics, metrics_of, with_others
from automtl_core.training.process import return_memory
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import restored
from automtl_core.workflow.update import inherited, unread_rows
from automtl_core.workflow.versions import origin
from automtl_core.workflow.work import Recorder, Work

TRIALS = "trials"
"""Folder in a run directory with the trials of an unfinished search."""


def begun(work: Work) -> bool:
    """Return whether the training after the search has begun, so that the search is over."""
    if not work.run.has(Decided):
        return False
    training = _training(work, work.prepared, work.run.architecture())
    (_, first), *_ = trainings(work.problem, training)
    return any((Path(first.folder) / name).exists() for name in CHECKPOINTS)


@computing()
def train(work: Work, found: SearchResult | None) -> nn.Module:
    """Train the network, calibrate it on validation rows, record and return it; the test part is not read.

    Args:
        work: The run.
        found: The result of the search; None if an earlier process did the search, and began the training.

    """
    made, recorder, problem, job = work.run, work.recorder, work.problem, work.job
    architecture = made.architecture() if found is None else found.architecture
    if found is not None and found.trained and found.network is not None:
        best_epochs = found.best_epochs or (found.epochs,)
        cut_short = any(map(problem.recipe.cut_short, best_epochs))
        fitted = Fitted(found.network, best_epochs, cut_short)
    else:
        begin: dict[str, Any] = {}
        if found is not None and found.network is not None:
            begin = {"network": found.network, "first_epoch": found.epochs}
        elif job.goes_on:
            network = untrained(problem, architecture)
            begin = {"network": network, "moments": inherited(job, network)}
        keep = unread_rows(problem, begin["network"]) if problem.data.recent is not None else None
        return_memory()
        in_time = work.clock.lasts if work.clock else always
        training = _training(work, work.prepared, architecture)
        fitted = trained_mean(problem, training, recorder, in_time, **begin)
        if keep is not None:
            keep(fitted.network)
        made.save_moments(fitted.moments)
    _record_clock(work)
    made.save_weights(fitted.network.state_dict())
    scaling, validation = _calibrated(job, fitted.network, problem)
    if job.goes_on:  # a task with too few of the newest rows keeps its calibration
        before = job.parent().get(Calibration) or Calibration()
        scaling = Calibration({**before.scaling, **scaling.scaling})
    if job.config.calibrate:
        made.write(scaling)
    epochs, seconds = _epochs_of(recorder, TRAIN), recorder.seconds.get(TRAIN)
    read = epochs * len(work.prepared.part("train") if problem.data.recent is None else problem.data.recent)
    recorder.write_costs(rows_per_second=read / seconds if seconds else None)
    made.write(Chosen(fitted.best_epochs, fitted.cut_short, validation))
    return fitted.network


@computing()
def refit(work: Work, network: nn.Module | None) -> None:
    """Train the network again, on training and validation rows, where the job asks for it; write the result.

    Its epochs, settings, architecture and calibration are those that validation rows chose before.

    Args:
        work: The run.
        network: The trained network; None if an earlier process trained it.

    """
    job, made = work.job, work.run
    chosen, problem, prepared = made.read(Chosen), work.problem, work.prepared

    def before() -> nn.Module:  # only where it is read: an earlier process may have replaced its files
        return network or restored(work.problem.space, made, problem.compute)

    again: Fitted | None = None
    if job.refits() and (_epochs_of(work.recorder, REFIT) or _can_refit(work, chosen, before())):
        prepared = work.prepared.refit
        problem = job.of(made.config()).problem(prepared)
        epochs = sum(chosen.best_epochs) if problem.space.members() else max(chosen.best_epochs)
        planned = Planned(REFIT, epochs, len(problem.data.train))
        work.recorder(PhaseBegan(REFIT, (planned,)))
        return_memory()
        # A refit that is ended is discarded, so its parts have no shares of the time.
        training = _training(work, prepared, made.architecture(), chosen.best_epochs)
        again = trained_mean(problem, training, work.recorder, before=before)
        if not again.exhausted:
            what = "the refit was ended, and the network is that of the training before it"
            work.recorder(Warned(what))
            problem, again = work.problem, None
        else:
            made.save_moments(again.moments)
            prepared.encoder_of(problem.space.schema).save(made.path / ENCODER)
            origin_ = origin(job.of(made.config()), problem.space)
            made.write_architecture(replace(made.architecture(), origin=origin_))
            made.save_weights(again.network.state_dict())
        work.recorder.write_costs()
    final = before() if again is None else again.network
    size_of = cost_of(final, blank_features(problem.space.schema, problem.compute.device))
    made.write(
        Result(
            best_epoch=max(chosen.best_epochs),
            cut_short=chosen.cut_short,
            **size_of.to_json(),
            validation=chosen.validation,
            files=made.sums(),
            metrics=job.config.metrics,
            refitted=again is not None,
        )
    )
    _record_clock(work)
    shutil.rmtree(made.path / TRIALS, ignore_errors=True)


def _epochs_of(recorder: Recorder, phase: str) -> int:
    """Return the number of epochs of a phase, in all processes."""
    return sum(report["phase"] == phase for report in recorder.reports)


def _can_refit(work: Work, chosen: Chosen, network: nn.Module) -> bool:
    """Return whether a refit is possible; a warning says why not."""
    recorder = work.recorder
    for member in members_of(network):
        if isinstance(member, Learner) and not member.refits:
            what = f"{type(member).__name__} is not trained again on validation rows: it has no `refit`"
            recorder(Warned(what))
            return False
    # Seconds of an epoch: that of the training or, if the search trained the network, a mean over the search.
    seconds, epochs = recorder.seconds, _epochs_of(recorder, TRAIN)
    epoch = seconds[TRAIN] / epochs if epochs else sum(seconds.values()) / max(len(recorder.reports), 1)
    several = isinstance(network, Ensemble)  # members are trained one after the other, tasks at the same time
    epochs = sum(chosen.best_epochs) if several else max(chosen.best_epochs)
    if work.clock is None or work.clock.has_time(epoch * epochs):
        return True
    what = "the network is not trained again on validation rows"
    recorder(Warned(f"{what}: there is no time left; raise the time budget"))
    return False


def _training(
    work: Work, prepared: Prepared, architecture: Architecture, until: tuple[int, ...] = ()
) -> Training:
    """Return the training of a run, with the settings that the search chose."""
    folder, decided = str(work.run.path.absolute() / TRIALS), Architecture(architecture.decisions)
    return Training(work.run.config(), str(prepared.path), folder, decided, until=until)


def _calibrated(job: Job, network: nn.Module, problem: Problem) -> tuple[Calibration, Metrics]:
    """Return the scaling of all binary tasks with enough validation rows of both classes, and all metrics.

    The validation rows have also stopped the training; two numbers add little to this choice.
    """
    tasks, recipe, rows = problem.data.tasks, problem.recipe, problem.data.validation
    labels, registered = np.asarray(rows.labels), {**job.monitor(), **job.metrics()}
    logits = predict(network, rows, recipe.batch_size, problem.compute)
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


def _record_clock(work: Work) -> None:
    """Record what the time of a budget ended, and the warnings, beside those of earlier processes."""
    if (clock := work.clock) is not None:
        before = work.run.read(Budget)
        warned = tuple(dict.fromkeys([*before.warned, *clock.warned]))
        work.run.write(replace(before, ended={**before.ended, **clock.ended}, warned=warned))
