"""The pipeline of a run: search -> training -> refit -> test, each of which records a fact at its end."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from automtl_core.data.store import ENCODER, Prepared
from automtl_core.dataset.recorded import RowFormat
from automtl_core.errors import ArtifactError, UsageError, listing
from automtl_core.registry.kinds import SPACES, STRATEGIES
from automtl_core.run_dir.facts import (
    SEEN,
    Budget,
    Costs,
    Data,
    Decided,
    EncodingSearch,
    Fact,
    Identity,
    NewRows,
    Result,
    Search,
)
from automtl_core.run_dir.identity import check_data, check_environment
from automtl_core.run_dir.progress import SEARCH, TEST, TRAINING
from automtl_core.run_dir.run import Run
from automtl_core.search.strategy import SearchResult
from automtl_core.search.trial import Problem
from automtl_core.space import SearchSpace
from automtl_core.training.batches import steps
from automtl_core.training.compute import computing
from automtl_core.training.events import REFIT, PhaseBegan, Planned
from automtl_core.workflow.budget import ALL, REFIT_SHARE, SEARCH as SEARCH_SHARE, WHOLE, trial_rows
from automtl_core.workflow.evaluation import is_tested, on_test_rows, test
from automtl_core.workflow.job import Job
from automtl_core.workflow.search_inputs import changed, trials
from automtl_core.workflow.stage import stages
from automtl_core.workflow.training import begun, train
from automtl_core.workflow.update import check_parent, facts_of
from automtl_core.workflow.versions import environment, origin
from automtl_core.workflow.work import TRIALS, Recorder, Work, observed

log = logging.getLogger("automtl")


@contextmanager
def start(job: Job, prepared: Prepared, path: Path, space: SearchSpace) -> Iterator[Run]:
    """Create a new run directory, and hold its lock.

    Args:
        job: The job of the run, without settings `auto`.
        prepared: Its data.
        path: The run directory.
        space: Its space for the data, which is checked.

    Raises:
        RunExistsError: `path` exists, or is not writable.

    """
    facts: list[Fact] = [
        Identity.of(job.config, prepared),
        environment(job, space),
        Data.of(prepared),
        Costs({"encoding_search": job.encoding_seconds}, None),
    ]
    facts += [EncodingSearch(job.encoding_search)] if job.encoding_search else []
    if (seconds := job.config.time_budget) is not None:
        sample = trial_rows(prepared.manifest["rows"]["train"])
        search = 0.0 if job.trains() is None else WHOLE if job.trains() and not sample else SEARCH_SHARE
        facts.append(Budget(seconds, search, ALL - REFIT_SHARE * job.refits(), ALL))
    facts += [NewRows(form)] if (form := RowFormat.of(job.dataset())) else []
    facts += facts_of(job, prepared)
    encoder = prepared.encoder_of(space.schema)
    with Run.create(path, job.config, facts, encoder, prepared.path) as made:
        yield made


@computing()
def _check(work: Work) -> None:
    """Check that the run goes on as it began."""
    check_data(work.run, work.prepared.manifest)
    check_parent(work)
    check_environment(work.run, environment(work.job, work.checked), work.anyway)
    work.run.rows(*SEEN)
    try:
        work.run.encoder(work.job.registry.field_encoders())
    except ArtifactError:  # such as of a refit that was killed
        decided = work.run.has(Decided)
        space = work.problems(work.training("")).space if decided else work.checked
        work.prepared.encoder_of(space.schema).save(work.run.path / ENCODER)
    work.run.get(NewRows)


@computing()
def _search(work: Work) -> SearchResult:
    """Decide the architecture, and return it, with a network where the training goes on from its weights."""
    job, made = work.job, work.run
    problem = job.search_problem(work.prepared, work.problems(work.training("", config=job.config)))
    spent = work.clock.spent if work.clock else float
    problem = replace(problem, spent=spent, trials=trials(work))
    result = _result(job, problem, work.recorder)
    if job.config.strategy is not None:
        made.write(Search(tuple(result.evidence), on_test_rows(job, work.prepared, result), result.overrides))
    space = work.problems(work.training("")).space
    if result.overrides:  # may choose encodings, which the encoder has to have
        work.prepared.encoder_of(space.schema).save(made.path / ENCODER)
    architecture = replace(result.architecture, origin=origin(job.registry, made.config().space, space))
    made.write_architecture(architecture)
    log.info("the search ended with an architecture")
    goes_on = result.trained or job.retrain() == "inherit"
    if result.network is None or not goes_on or (job.trains() and problem.samples):  # train anew, on all rows
        return SearchResult(architecture)
    return result


def _result(job: Job, problem: Problem, recorder: Recorder) -> SearchResult:
    """Return the result of the job's strategy or, without one, the decisions of the configuration.

    Raises:
        PluginError: the strategy returns something else, or chose settings other than those of recipe, space
            or encodings.

    """
    if job.config.strategy is None:
        return SearchResult(job.fixed_architecture(problem.space))
    strategy = job.strategy(problem)
    recorder.follow(strategy)
    result: object = strategy.search(recorder)
    if not isinstance(result, SearchResult):
        what = f"search returns {type(result).__name__}, expected a SearchResult"
        raise job.registry.broken(STRATEGIES, job.config.strategy.name, what)
    try:
        if others := result.overrides.keys() - {"training", "space", "features"}:
            raise UsageError(f"{listing(sorted(others))} cannot be overridden")
        changed(job, result.overrides)
    except UsageError as error:
        raise job.registry.broken(STRATEGIES, job.config.strategy.name, f"overrides: {error}") from None
    return result


def to_come(job: Job, prepared: Prepared) -> tuple[Planned, ...]:
    """Return the largest amount of work of each stage that has something to do."""
    rows, recipe = prepared.manifest["rows"], job.config.training
    of_epoch = steps(rows["train"], recipe.batch_size)
    networks = job.registry.get(SPACES, job.config.space.name).networks(job.components["space"])

    def training(epochs: int) -> int:  # trees and other models without epochs have one
        if job.goes_on and job.config.update is not None:
            epochs = job.config.update.epochs
        return (1 if "training.epochs" in job.ignores else epochs) * networks

    loops: dict[str, Callable[[int], int | None]] = {SEARCH: job.search_epochs}
    if not job.trains() or trial_rows(rows["train"]):  # a search on a sample leaves a training on all rows
        loops[TRAINING] = training
    if job.refits():  # on some more rows
        loops[REFIT] = training
    parts = list[Planned]()
    for name, epochs_of in loops.items():
        fewest, late, most = (epochs_of(epochs) for epochs in (*recipe.likely(of_epoch), recipe.epochs))
        likely = None if fewest is None or late is None else (fewest, late)
        if most != 0:
            parts.append(Planned(name, most, rows["train"], recipe.patience_for(of_epoch), likely))
    measured = sum(stage.rows(prepared, job) for stage in stages(job.registry))
    return (*parts, Planned(TEST, rows=(rows["test"] + measured) / 3))  # predictions compute no gradients


def run(work: Work, tests: bool = True) -> Result:
    """Do the stages of a run that are not done, in their order, and return the result.

    Raises:
        DivergedError: a loss is not finite.
        OutOfMemoryError: the machine has too little memory for the settings.
        ArtifactError: the checkpoint is damaged, or settings, data or environment are not those of the run.
        PluginError: new rows are read otherwise than the prepared ones.

    """
    made, seconds = work.run, work.job.config.time_budget
    trained = made.has(Result)  # by a process that was killed before the test
    ahead = to_come(work.job, work.prepared)
    ahead = tuple(one for one in ahead if (tests if one.stage == TEST else not trained))
    with observed(work, PhaseBegan(TEST if trained else TRAINING, ahead, seconds)) as listener:
        work = replace(work, listener=listener)
        _check(work)
        if not trained:
            train(work, None if begun(work) else _search(work))
        with suppress(FileNotFoundError):
            shutil.rmtree(made.path / TRIALS)
        if tests and not is_tested(work.job, made):
            test(work)
    return made.read(Result)
