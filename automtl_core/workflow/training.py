"""The stages of a run that train its network: the training, and the refit on validation rows too."""

import shutil
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from automtl_core.data.store import ENCODER
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.network import Ensemble
from automtl_core.run_dir.facts import Budget, Calibration, Chosen, Costs, Result
from automtl_core.run_dir.progress import SEARCH
from automtl_core.search.strategy import Problem, SearchResult
from automtl_core.search.train_trial import untrained
from automtl_core.system.state import State
from automtl_core.training.calibration import calibrated, platt
from automtl_core.training.compute import computing
from automtl_core.training.ensemble import Fits, members_of
from automtl_core.training.events import REFIT, TRAIN, PhaseBegan, Planned, Warned
from automtl_core.training.fit import always
from automtl_core.training.learner import Learner
from automtl_core.training.loop import predict
from automtl_core.training.metrics import Metrics, metrics_of, with_others
from automtl_core.training.process import return_memory
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import restored
from automtl_core.workflow.update import inherited, unread_rows_kept
from automtl_core.workflow.versions import origin
from automtl_core.workflow.work import Work

TRIALS = "trials"
"""Folder in a run directory with the trials of an unfinished search."""


@computing()
def train(work: Work) -> None:
    """Train the network, calibrate it on validation rows, and record it; the test part is not read."""
    made, recorder, problem = work.run, work.recorder, work.problem
    found = work.found or SearchResult(made.architecture())  # an earlier process did the search
    network, moments = found.network, State()
    if network is None:
        network = untrained(problem, found.architecture)
        moments = inherited(work.job, network)
    if found.trained:
        best_epochs = found.best_epochs or (found.epochs,)
        cut_short = any(map(problem.recipe.cut_short, best_epochs))
    else:
        fits = _fitted(work, TRAIN, problem, network, first_epoch=found.epochs, moments=moments)
        network, best_epochs, cut_short = fits.network, fits.best_epochs, fits.cut_short
    _record_clock(work)
    made.save_weights(network.state_dict())
    scaling, validation = _calibrated(work.job, network, problem)
    if work.job.goes_on:  # a task with too few of the newest rows keeps its calibration
        before = work.job.parent().get(Calibration) or Calibration()
        scaling = Calibration({**before.scaling, **scaling.scaling})
    if work.job.config.calibrate:
        made.write(scaling)
    searched = {phase: seconds for phase, seconds in recorder.seconds.items() if phase != TRAIN}
    own = {SEARCH: sum(searched.values()), TRAIN: recorder.seconds.get(TRAIN, 0.0)}
    seconds = made.read(Costs).seconds | own
    epochs = sum(report["phase"] == TRAIN for report in recorder.reports)
    read = epochs * len(work.prepared.part("train") if problem.data.recent is None else problem.data.recent)
    made.write(Costs(seconds, read / seconds[TRAIN] if epochs else None, searched))
    made.write(Chosen(best_epochs, cut_short, validation))
    work.network = network


@computing()
def refit(work: Work) -> None:
    """Train the network again, on training and validation rows, where the job asks for it; write the result.

    Its epochs, settings, architecture and calibration are those that validation rows chose before.
    """
    job, made, recorder = work.job, work.run, work.recorder
    chosen, refitted = made.read(Chosen), False
    if job.refits() and (recorder.stage == REFIT or _can_refit(work, chosen)):
        refitted = _trained_again(work, chosen)
        costs = made.read(Costs)
        made.write(replace(costs, seconds=costs.seconds | {REFIT: recorder.seconds.get(REFIT, 0.0)}))
    problem = work.problem
    size_of = cost_of(_trained(work), blank_features(problem.space.schema, problem.compute.device))
    made.write(
        Result(
            best_epoch=max(chosen.best_epochs),
            cut_short=chosen.cut_short,
            **size_of.to_json(),
            validation=chosen.validation,
            files=made.sums(),
            metrics=job.config.metrics,
            refitted=refitted,
        )
    )
    _record_clock(work)
    shutil.rmtree(made.path / TRIALS, ignore_errors=True)


def _trained(work: Work) -> nn.Module:
    """Return the trained network of a run, from its files if an earlier process trained it."""
    if work.network is None:
        work.network = restored(work.problem.space, work.run, work.problem.compute)
    return work.network


def _can_refit(work: Work, chosen: Chosen) -> bool:
    """Return whether a refit is possible; a warning says why not."""
    recorder, network = work.recorder, _trained(work)
    for member in members_of(network):
        if isinstance(member, Learner) and not member.refits:
            what = f"{type(member).__name__} is not trained again on validation rows: it has no `refit`"
            recorder(Warned(what))
            return False
    # Seconds of an epoch: that of the training or, if the search trained the network, a mean over the search.
    seconds, phases = recorder.seconds, [report["phase"] == TRAIN for report in recorder.reports]
    trained = any(phases) and seconds.get(TRAIN)
    epoch = trained / sum(phases) if trained else sum(seconds.values()) / max(len(phases), 1)
    if work.clock is None or work.clock.has_time(epoch * _epochs(network, chosen)):
        return True
    what = "the network is not trained again on validation rows"
    recorder(Warned(f"{what}: there is no time left; raise the time budget"))
    return False


def _epochs(network: nn.Module, chosen: Chosen) -> int:
    """Return the epochs of a refit: members are trained one after the other, and tasks at the same time."""
    return sum(chosen.best_epochs) if isinstance(network, Ensemble) else max(chosen.best_epochs)


def _trained_again(work: Work, chosen: Chosen) -> bool:
    """Train the network of a run from new weights for the chosen epochs, and record it.

    Returns:
        False if the listener ended the training; the network before it stays.

    """
    made, prepared = work.run, work.prepared.refit
    job = work.job.of(made.config())
    problem = job.problem(prepared)
    architecture = made.architecture()
    network = untrained(problem, architecture)
    planned = Planned(REFIT, _epochs(network, chosen), len(problem.data.train))
    work.recorder(PhaseBegan(REFIT, (planned,)))
    # An earlier process may have replaced the files of the network before, but not if a model needs it.
    before = partial(_trained, work)
    fits = _fitted(work, REFIT, problem, network, chosen=chosen.best_epochs, before=before)
    if not fits.exhausted:
        work.recorder(Warned("the refit was ended, and the network is that of the training before it"))
        return False
    prepared.encoder_of(problem.space.schema).save(made.path / ENCODER)
    made.write_architecture(replace(architecture, origin=origin(job, problem.space)))
    made.save_weights(fits.network.state_dict())
    work.network, work.problem = fits.network, problem
    return True


def _fitted(work: Work, phase: str, problem: Problem, network: nn.Module, **how: Any) -> Fits:
    """Train a network, from the checkpoint if there is one, and save its moments; see `Fits`."""
    return_memory()
    # A refit that is ended is discarded, so its parts have no shares of the time.
    lasts = work.clock.lasts if work.clock and phase == TRAIN else always
    data = (problem.data, problem.recipe, problem.seed, problem.compute)
    fits = Fits(network, *data, lasts=lasts, **how)
    with unread_rows_kept(problem, fits.network):
        work.recorder.follow(phase, fits)
        fits.run(work.recorder)
    if fits.exhausted or phase == TRAIN:
        work.run.save_moments(fits.trained_moments)
    return fits


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
