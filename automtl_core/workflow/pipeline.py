"""The pipeline of a run: prepared data -> search -> network -> training -> test."""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from automtl_core import seeds
from automtl_core.choices import Architecture
from automtl_core.data.inspect.leaks import alone, predictions
from automtl_core.data.store import PARTS, Prepared
from automtl_core.errors import UsageError, listing
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.ensemble import Ensemble
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.config import Layer, RunConfig, merge
from automtl_core.run_dir.facts import Costs, Data, EncodingSearch, Fact, Result, Search
from automtl_core.run_dir.identity import Identity, check_data, check_environment, check_settings
from automtl_core.run_dir.run import Run
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult
from automtl_core.search.trial import Executor, Serial, Trials, TrialSpec
from automtl_core.search.warm_start import WarmStart
from automtl_core.space import SearchSpace
from automtl_core.training.baselines import Baseline, baseline, corrected
from automtl_core.training.batches import steps
from automtl_core.training.ensemble_fit import EnsembleFit
from automtl_core.training.events import Listener
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner, LearnerFit
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics, auc, metrics_of
from automtl_core.workflow.budget import Budget, Clock, planned, with_rows
from automtl_core.workflow.importance import run_importance
from automtl_core.workflow.job import Job
from automtl_core.workflow.outcomes import GIVEN, Plan
from automtl_core.workflow.recorder import Recorder
from automtl_core.workflow.resolve_auto import checked_space, resolve_auto
from automtl_core.workflow.trained import Trained, restored
from automtl_core.workflow.trainer import Trainer, memory_errors
from automtl_core.workflow.versions import environment, origin
from automtl_core.workflow.warm_start import read_warm_start

TRIALS = "trials"
"""Folder in a run directory with the trials of an unfinished search."""
log = logging.getLogger("automtl")


def plan(job: Job, prepared: Prepared) -> Plan:
    """Return the plan of a search; raises as `start` does."""
    space = job.checked(prepared)
    points = {GIVEN: job.fixed_architecture(space)} if job.config.strategy is None else space.landmarks()
    with torch.device("meta"):
        supernet = space.supernet()
    rows = {name: len(prepared.part(name)) for name in PARTS}
    parameters = sum(p.numel() for p in supernet.parameters())
    return Plan(
        rows=rows,
        fields=len(prepared.schema.sparse) + len(prepared.schema.dense),
        tasks=tuple(task.name for task in prepared.schema.tasks),
        choices=len(supernet.choices()),
        supernet_parameters=parameters,
        supernet_bytes=4 * 4 * parameters,  # weights, gradients and two moments of Adam
        most_search_epochs=job.search_epochs(),
        most_training_epochs=job.training_epochs(),
        steps_per_epoch=steps(rows["train"], job.config.training.batch_size),
        device=str(job.compute().device),
        answers=space.costs(),
        points={name: space.cost(point) for name, point in points.items()},
    )


def check(job: Job, prepared: Prepared) -> SearchSpace:
    """Check everything that can be checked before training, and return the search space.

    Raises:
        UsageError: the configuration uses an unknown name, or choices are open without a strategy.
        ArtifactError: the run of a warm start is not finished, or damaged.
        PluginError: the space does not build a network for the tasks.

    """
    _warm_start(job, prepared)
    return checked_space(job, prepared)


@contextmanager
def start(job: Job, prepared: Prepared, path: Path) -> Iterator[Run]:
    """Create a new run directory, and hold its lock; raises as `check` does.

    Raises:
        RunExistsError: `path` exists, or is not writable.

    """
    space = check(job, prepared)
    job = resolve_auto(job, prepared, Serial(Trainer(job.registry, prepared)))
    facts: list[Fact] = [
        Identity.of(job.config, prepared),
        environment(job, space),
        Data.of(prepared),
    ]
    facts += [EncodingSearch(job.encoding_search)] if job.encoding_search else []
    with Run.create(path, job.config, facts, prepared.encoder) as run:
        yield run


def search(
    job: Job,
    run: Run,
    prepared: Prepared,
    listener: Listener,
    anyway: bool = False,
    executor: Executor | None = None,
) -> Result:
    """Search, train the network, and test it once; arguments and errors as for `fit` and `test`."""
    fit(job, run, prepared, listener, anyway, executor)
    return test(job, run, prepared, listener)


def fit(
    job: Job,
    run: Run,
    prepared: Prepared,
    listener: Listener,
    anyway: bool = False,
    executor: Executor | None = None,
) -> Result:
    """Search and train, and record the network and its validation metrics; the test part is not read.

    Args:
        job: The job of the run.
        run: The run, locked by this process.
        prepared: The data of the run.
        listener: Receives progress, and may end the search or the training.
        anyway: Whether to continue in another environment than that of the start.
        executor: Runs the trials of the search; None for this process.

    Raises:
        DivergedError: a loss is not finite.
        OutOfMemoryError: the machine has too little memory for the settings.
        ArtifactError: the checkpoint is damaged, or settings, data or environment are not those of the run.

    """
    with memory_errors():
        job = job.of(run.initial_config())
        problem = job.problem(prepared)
        check_settings(run)
        check_data(run, prepared.manifest)
        check_environment(run, environment(job, problem.space), anyway)
        recorder = Recorder(run, listener)
        searched = problem
        if recorder.stage != "train":
            searched = replace(job.search_problem(prepared), warm_start=_warm_start(job, prepared))
        searched, clock = _timed(job, run, searched, recorder)
        executor = executor or Serial(Trainer(job.registry, prepared))
        searched = replace(searched, trials=_trials(job, run, prepared, executor))
        model, problem = _found(job, run, prepared, problem, searched, recorder)
        if model.trained:
            best_epoch, validation = model.epochs, _validated(model.network, problem)
            cut_short = problem.recipe.cut_short(best_epoch)
        else:
            trainer = _trainer(model, problem, clock)
            recorder.follow("train", trainer)
            validation = trainer.run(recorder)
            best_epoch, cut_short = trainer.best_epoch, trainer.cut_short
        if clock is not None:
            run.write(replace(run.read(Budget), ended=clock.ended))
        run.save_weights(model.network.state_dict())
        run.write(_costs(recorder, prepared))
        result = Result(
            best_epoch=best_epoch,
            cut_short=cut_short,
            **cost_of(model.network, blank_features(problem.space.schema, problem.compute.device)).to_json(),
            validation=validation,
            files=run.sums(),
        )
        run.write(result)
        shutil.rmtree(run.path / TRIALS, ignore_errors=True)
    return result


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


def _warm_start(job: Job, prepared: Prepared) -> WarmStart | None:
    """Return the warm start of a job; None without one."""
    if job.config.warm_start is None or job.config.strategy is None:
        return None
    return read_warm_start(job.config.warm_start, prepared.encoder, job.registry)


class _Network(NamedTuple):
    """The network after the search, with the state of its training."""

    network: nn.Module
    epochs: int = 0
    """Epochs that its weights are trained for."""
    trained: bool = False
    """Whether no training is left."""


def _trials(job: Job, run: Run, prepared: Prepared, executor: Executor) -> Trials:
    """Return the runner of a search's trials; each trial has a folder in that of the run."""
    rows = run.read(Budget).trial_rows if run.has(Budget) else None
    template = TrialSpec(
        job.to_json(), str(prepared.path), str(run.path.absolute() / TRIALS), train_rows=rows
    )
    return Trials(template, executor)


def _timed(job: Job, run: Run, problem: Problem, recorder: Recorder) -> tuple[Problem, Clock | None]:
    """Return the problem of the search and, under a time budget, the clock that ends loops."""
    seconds = job.config.time_budget
    if seconds is None:
        return problem, None
    if not run.has(Budget):
        total = len(problem.data.train)
        run.write(
            Budget(seconds, 0, total, total) if job.config.strategy is None else planned(problem, seconds)
        )
    budget = run.read(Budget)
    clock = Clock(recorder.listener, seconds - sum(recorder.seconds.values()), budget.search)
    recorder.listener = clock
    return replace(with_rows(problem, budget.rows), spent=clock.spent), clock


def _found(
    job: Job, run: Run, prepared: Prepared, problem: Problem, searched: Problem, recorder: Recorder
) -> tuple[_Network, Problem]:
    """Return the derived network, with weights from the search or new ones.

    Also return the problem of its training, with the settings that the search chose.
    """
    if recorder.stage == "train":
        problem = _overridden(job, run, prepared, problem)
        return _Network(_untrained(problem, run.architecture())), problem
    result = _searched(job, searched, recorder)
    if job.config.strategy is not None:
        run.write(Search(tuple(result.evidence), tuple(result.front), _checked(job, result.overrides)))
    problem = _overridden(job, run, prepared, problem)
    if run.has(Budget) and run.read(Budget).trial_rows:  # train again, on all rows
        result = replace(result, network=None, trained=False)
    architecture = replace(result.architecture, origin=origin(job.of(run.config()), problem.space))
    run.write_architecture(architecture)
    log.info("the search ended with an architecture")
    if result.network is not None and (result.trained or job.retrain() == "inherit"):
        return _Network(result.network, result.epochs, result.trained), problem
    return _Network(_untrained(problem, architecture)), problem


def _untrained(problem: Problem, architecture: Architecture) -> nn.Module:
    """Return a network with new weights, and an ensemble with those of the seed of each member."""
    if members := architecture.members:
        problems = [replace(problem, seed=seeds.of_member(problem.seed, k)) for k in range(len(members))]
        return Ensemble([_untrained(*one) for one in zip(problems, members.values(), strict=True)])
    seeds.seed_torch(problem.seed, "network")
    return problem.space.network(architecture)


def _overridden(job: Job, run: Run, prepared: Prepared, problem: Problem) -> Problem:
    """Return the problem with the settings that the search chose, if there are any."""
    config = run.config()
    return problem if config == run.initial_config() else job.of(config).problem(prepared)


def _checked(job: Job, overrides: Layer) -> Layer:
    """Check that the settings which a strategy chose are settings of the recipe or the space.

    Raises:
        PluginError: they are not; the error names the strategy.

    """
    try:
        if others := overrides.keys() - {"training", "space"}:
            raise UsageError(f"{listing(sorted(others))} cannot be overridden")
        config = merge(job.config.model_dump(mode="json"), overrides)
        Job.resolve(RunConfig.parse(config), job.registry)
    except UsageError as error:
        assert job.config.strategy is not None  # noqa: S101 - a strategy chose them
        raise job.registry.broken(STRATEGIES, job.config.strategy.name, f"overrides: {error}") from None
    return overrides


def _trainer(found: _Network, problem: Problem, clock: Clock | None) -> Fit | EnsembleFit | LearnerFit:
    """Return the trainer of a network, an ensemble or a `Learner`."""
    how = (problem.data, problem.recipe, problem.seed, problem.compute)
    if isinstance(found.network, Ensemble):
        return EnsembleFit(found.network, *how)
    if isinstance(found.network, Learner):
        return (
            LearnerFit(found.network, *how) if clock is None else LearnerFit(found.network, *how, clock.lasts)
        )
    return Fit(found.network, *how, found.epochs)


def _validated(network: nn.Module, problem: Problem) -> Metrics:
    """Return the validation metrics of a network that the search trained."""
    data, size = problem.data, problem.recipe.batch_size
    return evaluate(network, data.validation, data.tasks, size, problem.compute)


def _searched(job: Job, problem: Problem, recorder: Recorder) -> SearchResult:
    """Return the result of the job's strategy or, without one, the decisions of the configuration."""
    if job.config.strategy is None:
        return SearchResult(job.fixed_architecture(problem.space))
    strategy = job.strategy(problem)
    recorder.follow("search", strategy)
    result: object = strategy.search(recorder)
    if isinstance(result, SearchResult):
        return result
    what = f"search returns {type(result).__name__}, expected a SearchResult"
    raise job.registry.broken(STRATEGIES, job.config.strategy.name, what)


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


def _costs(recorder: Recorder, prepared: Prepared) -> Costs:
    seconds = {stage: recorder.seconds.get(stage, 0.0) for stage in ("search", "train")}
    epochs = sum(report["phase"] == "train" for report in recorder.reports)
    rows = epochs * len(prepared.part("train"))
    return Costs(seconds, rows / seconds["train"] if epochs else None)


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
