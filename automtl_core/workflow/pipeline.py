"""The pipeline of a run: prepared data -> search -> network -> training -> test."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from automtl_core.data.store import ENCODER, PARTS, Prepared
from automtl_core.dataset.recorded import RowFormat
from automtl_core.disk.files import remove_folder
from automtl_core.distributed import agreed
from automtl_core.errors import UsageError, listing
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.process_state import kept_state
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.config import Layer
from automtl_core.run_dir.facts import Costs, Data, EncodingSearch, Fact, Identity, NewRows, Result, Search
from automtl_core.run_dir.identity import check_data, check_environment, check_predicts
from automtl_core.run_dir.run import Run
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult
from automtl_core.search.trial import Executor, Serial, Trials, TrialSpec
from automtl_core.search.warm_start import WarmStart
from automtl_core.space import SearchSpace
from automtl_core.training.batches import steps
from automtl_core.training.events import Listener
from automtl_core.training.guard import computing, guarded
from automtl_core.training.process import return_memory
from automtl_core.workflow.budget import Budget, Clock, planned
from automtl_core.workflow.calibration import calibration_and_metrics
from automtl_core.workflow.evaluation import test
from automtl_core.workflow.job import Job
from automtl_core.workflow.outcomes import GIVEN, Plan
from automtl_core.workflow.recorder import Recorder
from automtl_core.workflow.resolve_auto import checked_space
from automtl_core.workflow.sample import training_epochs, trial_rows, with_rows
from automtl_core.workflow.trainer import Trainer
from automtl_core.workflow.training import Derived, trainer, untrained, validated
from automtl_core.workflow.tunable import changed, tunable
from automtl_core.workflow.versions import environment, origin
from automtl_core.workflow.warm_start import read_warm_start

ENCODING_SEARCH = "encoding_search"
"""Key of the seconds of the encoding search, among the costs of a run."""
TRIALS = "trials"
"""Folder in a run directory with the trials of an unfinished search."""
log = logging.getLogger("automtl")


def plan(job: Job, prepared: Prepared) -> Plan:
    """Return the plan of a search; raises as `start` does."""
    with guarded():
        return _plan(job, prepared)


def _plan(job: Job, prepared: Prepared) -> Plan:
    space = job.checked(prepared)
    points = {GIVEN: job.fixed_architecture(space)} if job.config.strategy is None else space.landmarks()
    supernet = space.outline
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
        most_training_epochs=training_epochs(job, rows["train"]),
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
def start(job: Job, prepared: Prepared, path: Path, space: SearchSpace | None = None) -> Iterator[Run]:
    """Create a new run directory, and hold its lock.

    Args:
        job: The job of the run, without settings `auto`.
        prepared: Its data.
        path: The run directory.
        space: Its space for the data, which is checked; None to make and check it here.

    Raises:
        RunExistsError: `path` exists, or is not writable.
        UsageError, PluginError: as in `Job.checked`.
        ArtifactError: decisions do not fit the choices of the space.

    """
    space = space or job.checked(prepared)
    if job.config.strategy is None:
        job.fixed_architecture(space)
    facts: list[Fact] = [
        Identity.of(job.config, prepared),
        environment(job, space),
        Data.of(prepared),
        Costs({ENCODING_SEARCH: job.encoding_seconds}, None),
    ]
    facts += [EncodingSearch(job.encoding_search)] if job.encoding_search else []
    facts += [NewRows(one)] if (one := RowFormat.of(job.dataset())) else []
    encoder = prepared.encoder.of_histories(space.schema.histories)
    with Run.create(path, job.config, facts, encoder) as run:
        yield run


def search(
    job: Job,
    run: Run,
    prepared: Prepared,
    listener: Listener,
    anyway: bool = False,
    executor: Executor | None = None,
    space: SearchSpace | None = None,
) -> Result:
    """Search, train the network, and test it once; arguments and errors as for `fit` and `test`."""
    fit(job, run, prepared, listener, anyway, executor, space)
    return test(job, run, prepared, listener, as_chosen(run, space))


def as_chosen(run: Run, space: SearchSpace | None) -> SearchSpace | None:
    """Return the space at the start of a run if it is that of the network, else None."""
    return space if run.config() == run.initial_config() else None


def fit(
    job: Job,
    run: Run,
    prepared: Prepared,
    listener: Listener,
    anyway: bool = False,
    executor: Executor | None = None,
    space: SearchSpace | None = None,
) -> Result:
    """Search and train, and record the network and its validation metrics; the test part is not read.

    Args:
        job: The job of the run.
        run: The run, locked by this process.
        prepared: The data of the run.
        listener: Receives progress, and may end the search or the training.
        anyway: Whether to continue in another environment than that of the start.
        executor: Runs the trials of the search; None for this process.
        space: The space of the run for the data, which is checked; None to make and check it here.

    Raises:
        DivergedError: a loss is not finite.
        OutOfMemoryError: the machine has too little memory for the settings.
        ArtifactError: the checkpoint is damaged, or settings, data or environment are not those of the run.

    """
    start = time.monotonic()
    with computing():
        job = job.of(run.initial_config())
        space = space or job.checked(prepared)
        problem = job.problem(prepared, space=space)
        check_data(run, prepared.manifest)
        check_environment(run, environment(job, problem.space), anyway)
        check_predicts(run, job.registry.field_encoders())
        if run.has(Result):  # a process was killed between training and test
            remove_folder(run.path / TRIALS)
            return run.read(Result)
        recorder = Recorder(run, listener)
        searched = problem
        if recorder.stage != "train":
            searched = replace(job.search_problem(prepared, problem), warm_start=_warm_start(job, prepared))
        searched, clock = _timed(job, run, prepared, searched, recorder, start)
        executor = executor or Serial(Trainer(job.registry, prepared, known=(job, space)))
        trials = _trials(job, run, prepared, executor)
        searched = replace(searched, trials=trials, tunable=tunable(job, run, prepared))
        model, problem = _found(job, run, prepared, problem, searched, recorder)
        network = model.network
        if model.trained:
            best_epoch, validation = model.epochs, validated(network, problem)
            cut_short = problem.recipe.cut_short(best_epoch)
        else:
            return_memory()
            loop = trainer(model, problem, clock)
            recorder.follow("train", loop)
            validation = loop.run(recorder)
            network, best_epoch, cut_short = loop.network, loop.best_epoch, loop.cut_short
        if clock is not None:
            run.write(replace(run.read(Budget), ended=clock.ended))
        run.save_weights(network.state_dict())
        scaling, validation = calibration_and_metrics(
            network, problem, validation, job.validation_metrics(), job.config.calibrate
        )
        if job.config.calibrate:
            run.write(scaling)
        run.write(_costs(run, recorder, prepared))
        result = Result(
            best_epoch=best_epoch,
            cut_short=cut_short,
            **cost_of(network, blank_features(problem.space.schema, problem.compute.device)).to_json(),
            validation=validation,
            files=run.sums(),
            metrics=job.config.metrics,
        )
        run.write(result)
        remove_folder(run.path / TRIALS)
    return result


def _warm_start(job: Job, prepared: Prepared) -> WarmStart | None:
    """Return the warm start of a job; None without one."""
    if job.config.warm_start is None or job.config.strategy is None:
        return None
    return read_warm_start(job.config.warm_start, prepared.encoder, job.registry)


def _trials(job: Job, run: Run, prepared: Prepared, executor: Executor) -> Trials:
    """Return the runner of a search's trials; each trial has a folder in that of the run."""
    rows = _in_budget(run) or trial_rows(len(prepared.part("train")))
    template = TrialSpec(
        job.having(listeners=()).to_json(),
        str(prepared.path),
        str(run.path.absolute() / TRIALS),
        train_rows=rows,
    )
    return Trials(template, executor, run.path)


def _in_budget(run: Run) -> int | None:
    """Return the number of training rows of trials under a time budget; None for all, or without one."""
    return run.read(Budget).trial_rows if run.has(Budget) else None


def _timed(
    job: Job, run: Run, prepared: Prepared, problem: Problem, recorder: Recorder, start: float
) -> tuple[Problem, Clock | None]:
    """Return the problem of the search and, under a time budget, the clock that ends loops.

    Seconds count from `start`, by `time.monotonic`.
    """
    seconds = job.config.time_budget
    if seconds is None:
        return problem, None
    if not run.has(Budget):
        total = len(problem.data.train)
        trains, tested = job.trains(), len(prepared.part("test"))
        run.write(
            Budget(seconds, 0, total, total)
            if trains is None
            else agreed(planned(problem, seconds, trains, tested, recorder.listener))
        )
    budget = run.read(Budget)
    left = seconds - sum(recorder.seconds.values())
    clock = Clock(recorder.listener, left, budget.search, budget.train, start)
    recorder.listener = clock
    return replace(with_rows(problem, budget.rows), spent=clock.spent), clock


def _found(
    job: Job, run: Run, prepared: Prepared, problem: Problem, searched: Problem, recorder: Recorder
) -> tuple[Derived, Problem]:
    """Return the derived network, with weights from the search or new ones.

    Also return the problem of its training, with the settings that the search chose.
    """
    if recorder.stage == "train":
        problem = _overridden(job, run, prepared, problem)
        return Derived(untrained(problem, run.architecture())), problem
    result = _searched(job, searched, recorder)
    if job.config.strategy is not None:
        run.write(Search(tuple(result.evidence), tuple(result.front), _checked(job, result.overrides)))
    problem = _overridden(job, run, prepared, problem)
    on_sample = bool(job.trains() and trial_rows(len(prepared.part("train"))))
    if _in_budget(run) or on_sample:  # train again, on all rows
        result = replace(result, network=None, trained=False)
    architecture = replace(result.architecture, origin=origin(job.of(run.config()), problem.space))
    run.write_architecture(architecture)
    log.info("the search ended with an architecture")
    if result.network is not None and (result.trained or job.retrain() == "inherit"):
        return Derived(result.network, result.epochs, result.trained), problem
    return Derived(untrained(problem, architecture)), problem


def _overridden(job: Job, run: Run, prepared: Prepared, problem: Problem) -> Problem:
    """Return the problem with the settings that the search chose, if there are any.

    The encoder of the run then has the histories that the chosen encodings read.
    """
    config = run.config()
    if config == run.initial_config():
        return problem
    found = job.of(config).problem(prepared)
    prepared.encoder.of_histories(found.space.schema.histories).save(run.path / ENCODER)
    return found


def _checked(job: Job, overrides: Layer) -> Layer:
    """Check that the settings which a strategy chose are settings of recipe, space or encodings.

    Raises:
        PluginError: they are not; the error names the strategy.

    """
    try:
        if others := overrides.keys() - {"training", "space", "features"}:
            raise UsageError(f"{listing(sorted(others))} cannot be overridden")
        changed(job, overrides)
    except UsageError as error:
        assert job.config.strategy is not None  # noqa: S101 - a strategy chose them
        raise job.registry.broken(STRATEGIES, job.config.strategy.name, f"overrides: {error}") from None
    return overrides


def _searched(job: Job, problem: Problem, recorder: Recorder) -> SearchResult:
    """Return the result of the job's strategy or, without one, the decisions of the configuration."""
    if job.config.strategy is None:
        return SearchResult(job.fixed_architecture(problem.space))
    strategy = job.strategy(problem)
    recorder.follow("search", strategy)
    with kept_state():
        result: object = strategy.search(recorder)
    if isinstance(result, SearchResult):
        return result
    what = f"search returns {type(result).__name__}, expected a SearchResult"
    raise job.registry.broken(STRATEGIES, job.config.strategy.name, what)


def _costs(run: Run, recorder: Recorder, prepared: Prepared) -> Costs:
    before = run.read(Costs).seconds if run.has(Costs) else {}
    seconds = {ENCODING_SEARCH: before.get(ENCODING_SEARCH, 0.0)}
    seconds |= {stage: recorder.seconds.get(stage, 0.0) for stage in ("search", "train")}
    epochs = sum(report["phase"] == "train" for report in recorder.reports)
    rows = epochs * len(prepared.part("train"))
    return Costs(seconds, rows / seconds["train"] if epochs else None)
