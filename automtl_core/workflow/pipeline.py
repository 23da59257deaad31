"""The straight line, one stage a line: prepared data -> search -> network -> training -> test."""

import logging
import shutil
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
from automtl_core.data.store import PARTS, Prepared
from automtl_core.errors import UsageError, listing
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.config import Layer, RunConfig, merge
from automtl_core.run_dir.facts import Costs, Data, EncodingSearch, Fact, Result, Search
from automtl_core.run_dir.identity import Identity, check_data, check_environment, check_settings
from automtl_core.run_dir.run import Run
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult
from automtl_core.search.trial import Executor, Serial, Trials, TrialSpec
from automtl_core.search.warm_start import Start
from automtl_core.space import SearchSpace
from automtl_core.training.batches import steps
from automtl_core.training.events import Listener
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner, Lesson
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics, auc, metrics_of
from automtl_core.workflow import resolve_auto as answers
from automtl_core.workflow.budget import Budget, Clock, planned, with_rows
from automtl_core.workflow.job import Job
from automtl_core.workflow.outcomes import GIVEN, Plan
from automtl_core.workflow.recorder import Recorder
from automtl_core.workflow.trained import Trained, restored
from automtl_core.workflow.trainer import Trainer, memory_errors
from automtl_core.workflow.versions import environment, origin
from automtl_core.workflow.warm_start import started

TRIALS = "trials"
"""Folder of a run that holds the trials of its search, while it searches."""
log = logging.getLogger("automtl")


def plan(job: Job, prepared: Prepared) -> Plan:
    """Return what a search would do; raises as `start` does where it would do nothing."""
    space = job.checked(prepared)
    points = {GIVEN: job.given(space)} if job.config.strategy is None else space.landmarks()
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
        most_training_epochs=job.config.training.epochs,
        steps_per_epoch=steps(rows["train"], job.config.training.batch_size),
        device=str(job.compute().device),
        answers=space.costs(),
        points={name: space.cost(point) for name, point in points.items()},
    )


def check(job: Job, prepared: Prepared) -> SearchSpace:
    """Check what can be checked before anything is trained, and return the space.

    Raises:
        UsageError: the configuration names what does not exist, or nobody decides what is open.
        ArtifactError: the run that a search starts with is not finished, or damaged.
        PluginError: what the space builds is no network for the tasks.

    """
    _begun(job, prepared)
    return answers.check(job, prepared)


@contextmanager
def start(job: Job, prepared: Prepared, path: Path) -> Iterator[Run]:
    """Make a new run directory, and hold it; raises as `check` does.

    Raises:
        RunExistsError: there is one at `path`, or none can be made there.

    """
    space = check(job, prepared)
    job = answers.answered(job, prepared, Serial(Trainer(job.registry, prepared)))
    facts: list[Fact] = [
        Identity.of(job.config, prepared),
        environment(job, space),
        Data.of(prepared),
    ]
    facts += [EncodingSearch(job.looked)] if job.looked else []
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
    """Search, train the network, and test it once; arguments and errors as of `fit` and `test`."""
    fit(job, run, prepared, listener, anyway, executor)
    return test(job, run, prepared)


def fit(
    job: Job,
    run: Run,
    prepared: Prepared,
    listener: Listener,
    anyway: bool = False,
    executor: Executor | None = None,
) -> Result:
    """Search and train, and write down the network and its validation metrics; the test part is not read.

    Args:
        job: The job of the run.
        run: Held by this process.
        prepared: The data of the run.
        listener: Hears of progress, and may end the search or the training.
        anyway: Whether to go on in another environment than the run began in.
        executor: Runs the trials of the search; None for this process.

    Raises:
        DivergedError: a loss stopped being finite.
        OutOfMemoryError: the machine has too little memory for the settings.
        ArtifactError: the checkpoint is damaged, or settings, data or environment are not those of the run.

    """
    with memory_errors():
        job = job.of(run.begun())
        problem = job.problem(prepared)
        check_settings(run)
        check_data(run, prepared.manifest)
        check_environment(run, environment(job, problem.space), anyway)
        recorder = Recorder(run, listener)
        if recorder.stage != "train":
            problem = replace(problem, start=_begun(job, prepared))
        searched, clock = _timed(job, run, problem, recorder)
        executor = executor or Serial(Trainer(job.registry, prepared))
        searched = replace(searched, trials=_trials(job, run, prepared, executor))
        found, problem = _found(job, run, prepared, problem, searched, recorder)
        if found.trained:
            best_epoch, validation = found.epochs, _validated(found.network, problem)
            cut_short = problem.recipe.cut_short(best_epoch)
        else:
            trainer = _trainer(found, problem, clock)
            recorder.follow("train", trainer)
            validation = trainer.run(recorder)
            best_epoch, cut_short = trainer.best_epoch, trainer.cut_short
        if clock is not None:
            run.write(replace(run.read(Budget), ended=clock.ended))
        run.save_weights(found.network.state_dict())
        run.write(_costs(recorder, prepared))
        result = Result(
            best_epoch=best_epoch,
            cut_short=cut_short,
            **cost_of(found.network, blank_features(problem.space.schema, problem.compute.device)).to_json(),
            validation=validation,
            files=run.sums(),
        )
        run.write(result)
        shutil.rmtree(run.path / TRIALS, ignore_errors=True)
    return result


def test(job: Job, run: Run, prepared: Prepared) -> Result:
    """Test the network that `fit` wrote, and add its metrics to the result, which is returned.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    metrics = evaluate_run(job, run, prepared)
    result = replace(run.read(Result), test=metrics, reachable=reachable(prepared))
    run.write(result)
    return result


def _begun(job: Job, prepared: Prepared) -> Start | None:
    """Return what the search of a job starts with, if it is told a run."""
    if job.config.start is None or job.config.strategy is None:
        return None
    return started(job.config.start, prepared.encoder, job.registry)


class _Network(NamedTuple):
    """The network that was found, to be trained from here on."""

    network: nn.Module
    epochs: int = 0
    """Behind its weights."""
    trained: bool = False
    """Whether there is nothing left to train."""


def _trials(job: Job, run: Run, prepared: Prepared, executor: Executor) -> Trials:
    """Return how the trials of a search are run: each in a folder of its own within that of the run."""
    rows = run.read(Budget).rows if run.has(Budget) else None
    template = TrialSpec(
        job.to_json(), str(prepared.path), str(run.path.absolute() / TRIALS), train_rows=rows
    )
    return Trials(template, executor)


def _timed(job: Job, run: Run, problem: Problem, recorder: Recorder) -> tuple[Problem, Clock | None]:
    """Return the problem as the search sees it, and the clock that ends loops, if there is a budget."""
    seconds = job.config.time_budget
    if seconds is None:
        return problem, None
    if not run.has(Budget):
        total = len(problem.data.train)
        run.write(
            Budget(seconds, 0, total, total) if job.config.strategy is None else planned(problem, seconds)
        )
    told = run.read(Budget)
    clock = Clock(recorder.listener, seconds - sum(recorder.seconds.values()), told.search)
    recorder.listener = clock
    return replace(with_rows(problem, told.rows), spent=clock.spent), clock


def _found(
    job: Job, run: Run, prepared: Prepared, problem: Problem, searched: Problem, recorder: Recorder
) -> tuple[_Network, Problem]:
    """Return the network of the found architecture, with the weights that the search gave it or new ones.

    With it comes the problem to train it on, which has the settings that the search has found.
    """
    if recorder.stage == "train":
        problem = _overridden(job, run, prepared, problem)
        return _Network(problem.space.network(run.architecture())), problem
    found = _searched(job, searched, recorder)
    if job.config.strategy is not None:
        run.write(Search(tuple(found.evidence), tuple(found.front), _checked(job, found.overrides)))
    problem = _overridden(job, run, prepared, problem)
    if len(searched.data.train) < len(problem.data.train):  # what was trained on some rows is trained on all
        found = replace(found, network=None, trained=False)
    architecture = replace(found.architecture, origin=origin(job.of(run.config()), problem.space))
    run.write_architecture(architecture)
    log.info("found an architecture")
    if found.network is not None and (found.trained or job.retrain() == "inherit"):
        return _Network(found.network, found.epochs, found.trained), problem
    seeds.seed_torch(problem.seed, "network")
    return _Network(problem.space.network(architecture)), problem


def _overridden(job: Job, run: Run, prepared: Prepared, problem: Problem) -> Problem:
    """Return the problem with the settings that the search of a run has found, if it has found any."""
    config = run.config()
    return problem if config == run.begun() else job.of(config).problem(prepared)


def _checked(job: Job, overrides: Layer) -> Layer:
    """Check that settings which a strategy has found are settings of the recipe or the space.

    Raises:
        PluginError: of the strategy, where they are not.

    """
    try:
        if others := overrides.keys() - {"training", "space"}:
            raise UsageError(f"{listing(sorted(others))} cannot be overridden")
        config = merge(job.config.model_dump(mode="json"), overrides)
        Job.resolve(RunConfig.parse(config), job.registry)
    except UsageError as error:
        assert job.config.strategy is not None  # noqa: S101 - which has found them
        raise job.registry.broken(STRATEGIES, job.config.strategy.name, f"overrides: {error}") from None
    return overrides


def _trainer(found: _Network, problem: Problem, clock: Clock | None) -> Fit | Lesson:
    """Return what trains a network, or lets a model learn by itself."""
    how = (problem.data, problem.recipe, problem.seed, problem.compute)
    if isinstance(found.network, Learner):
        return Lesson(found.network, *how) if clock is None else Lesson(found.network, *how, clock.lasts)
    return Fit(found.network, *how, found.epochs)


def _validated(network: nn.Module, problem: Problem) -> Metrics:
    """Return the validation metrics of a network that a search has trained."""
    data, size = problem.data, problem.recipe.batch_size
    return evaluate(network, data.validation, data.tasks, size, problem.compute)


def _searched(job: Job, problem: Problem, recorder: Recorder) -> SearchResult:
    """Return what the job's strategy finds or, without one, what the job gives."""
    if job.config.strategy is None:
        return SearchResult(job.given(problem.space))
    strategy = job.strategy(problem)
    recorder.follow("search", strategy)
    found: object = strategy.search(recorder)
    if isinstance(found, SearchResult):
        return found
    what = f"search returns {type(found).__name__}, expected a SearchResult"
    raise job.registry.broken(STRATEGIES, job.config.strategy.name, what)


def evaluate_run(job: Job, run: Run, prepared: Prepared) -> Metrics:
    """Return the test metrics of a finished run's network, from its files alone.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    return metrics_of(
        prepared.schema.tasks, np.asarray(prepared.part("test").labels), said(job, run, prepared)
    )


def said(job: Job, run: Run, prepared: Prepared) -> NDArray[np.float64]:
    """Return what a finished run's network says of the R test rows, [R, T]; see `training.loop.predict`.

    Raises:
        ArtifactError: as `evaluate_run` does.

    """
    with memory_errors():
        made = Trained(
            restored(job, run, prepared), prepared.encoder, job.compute(), job.config.training.batch_size
        )
        return made.said(prepared.part("test"))


def _costs(recorder: Recorder, prepared: Prepared) -> Costs:
    seconds = {stage: recorder.seconds.get(stage, 0.0) for stage in ("search", "train")}
    epochs = sum(report["phase"] == "train" for report in recorder.reports)
    rows = epochs * len(prepared.part("train"))
    return Costs(seconds, rows / seconds["train"] if epochs else None)


def reachable(prepared: Prepared) -> dict[str, float | None]:
    """Return the test AUC of the probabilities that generated the labels, for binary tasks that have them."""
    oracle, labels = prepared.oracle("test"), prepared.part("test").labels
    found: dict[str, float | None] = {}
    for t, task in enumerate(prepared.schema.tasks):
        known = ~np.isnan(labels[:, t])
        if oracle is not None and task.kind == "binary" and np.isfinite(oracle[known, t]).all():
            found[task.name] = auc(labels[known, t], oracle[known, t])
    return found
