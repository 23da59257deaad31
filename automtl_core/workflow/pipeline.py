"""The pipeline of a run: stages, search -> training -> refit -> test, each of which records a fact."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from automtl_core.choices import Architecture, of_member
from automtl_core.data.encoder import Encoder
from automtl_core.data.store import ENCODER, PARTS, Prepared
from automtl_core.dataset.recorded import RowFormat
from automtl_core.errors import UsageError, listing
from automtl_core.modules.cost import Cost, blank_features, cost_of
from automtl_core.modules.network import Ensemble
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.facts import (
    ALL,
    Budget,
    Calibration,
    Chosen,
    Costs,
    Data,
    EncodingSearch,
    Fact,
    Identity,
    NewRows,
    Result,
    Search,
)
from automtl_core.run_dir.identity import check_data, check_environment
from automtl_core.run_dir.progress import ENCODING_SEARCH, SEARCH, TEST, TRAINING
from automtl_core.run_dir.run import Run
from automtl_core.search.strategy import Problem, SearchResult
from automtl_core.search.trial import Trials, TrialSpec
from automtl_core.space import SearchSpace
from automtl_core.system import seeds
from automtl_core.system.distributed import agreed, first
from automtl_core.system.documents import Value
from automtl_core.system.files import remove_folder
from automtl_core.training.batches import steps
from automtl_core.training.calibration import calibrated, platt
from automtl_core.training.compute import computing, guarded
from automtl_core.training.ensemble import Before, EnsembleFit, model_fit
from automtl_core.training.events import REFIT, TRAIN, PhaseBegan, Planned, Warned
from automtl_core.training.fit import Fit, always
from automtl_core.training.learner import Learner, LearnerFit
from automtl_core.training.loop import evaluate, predict
from automtl_core.training.metrics import Metrics, metrics_of, with_others
from automtl_core.training.process import return_memory
from automtl_core.workflow.budget import PREDICTION, REFIT_SHARE, Clock, planned, trial_rows, with_rows
from automtl_core.workflow.evaluation import is_tested, test
from automtl_core.workflow.job import Job
from automtl_core.workflow.search_inputs import average, changed, model, read_warm_start, tunable
from automtl_core.workflow.trained import restored
from automtl_core.workflow.versions import environment, origin
from automtl_core.workflow.work import Recorder, Stage, Work, observed

TRIALS = "trials"
"""Folder in a run directory with the trials of an unfinished search."""
log = logging.getLogger("automtl")


@dataclass(frozen=True)
class Plan(Value):
    """The plan of a search."""

    rows: dict[str, int]
    """Part -> number of rows."""
    fields: int
    tasks: tuple[str, ...]
    choices: int
    supernet_parameters: int
    supernet_bytes: int
    """Bytes for weights, gradients and optimiser moments."""
    most_search_epochs: int | None
    """Largest number of passes of the search over the training part; None where it is unknown."""
    most_training_epochs: int
    """Largest number of epochs of the training after the search."""
    steps_per_epoch: int
    device: str
    answers: Mapping[str, Mapping[str, Cost]]
    """Choice -> option -> its cost, see `SearchSpace.costs`."""
    points: Mapping[str, Cost]
    """Landmark of the space -> cost of the whole network; without a search, `the network` -> cost."""


def plan(job: Job, prepared: Prepared) -> Plan:
    """Return the plan of a search; raises as `start` does."""
    with guarded():
        space = job.checked(prepared)
        alone = {"the network": job.fixed_architecture(space)} if job.config.strategy is None else None
        rows = {name: len(prepared.part(name)) for name in PARTS}
        parameters = sum(p.numel() for p in space.outline.parameters())
        most = {stage.name: stage.ahead(job, prepared).epochs for stage in STAGES}
        return Plan(
            rows=rows,
            fields=len(prepared.schema.sparse) + len(prepared.schema.dense),
            tasks=tuple(task.name for task in prepared.schema.tasks),
            choices=len(space.outline.choices()),
            supernet_parameters=parameters,
            supernet_bytes=4 * 4 * parameters,  # weights, gradients and two moments of Adam
            most_search_epochs=most[SEARCH],
            most_training_epochs=most[TRAINING] or 0,
            steps_per_epoch=steps(rows["train"], job.config.training.batch_size),
            device=str(job.compute().device),
            answers=space.costs(),
            points={name: space.cost(point) for name, point in (alone or space.landmarks()).items()},
        )


def check(job: Job, prepared: Prepared) -> SearchSpace:
    """Check everything that can be checked before training, and return the search space.

    Raises:
        UsageError: the configuration uses an unknown name, or choices are open without a strategy.
        ArtifactError: the run of a warm start is not finished, or damaged.
        PluginError: the space does not build a network for the tasks.

    """
    read_warm_start(job, prepared)
    return job.checked(prepared)


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
    facts: list[Fact] = [
        Identity.of(job.config, prepared),
        environment(job, space),
        Data.of(prepared),
        Costs({"encoding_search": job.encoding_seconds}, None),
    ]
    facts += [EncodingSearch(job.encoding_search)] if job.encoding_search else []
    facts += [NewRows(form)] if (form := RowFormat.of(job.dataset())) else []
    encoder = prepared.encoder_of(space.schema)
    with Run.create(path, job.config, facts, encoder) as made:
        yield made


@computing()
def _check(work: Work) -> None:
    """Check that the run goes on as it began, and that new rows can be encoded once it is done."""
    check_data(work.run, work.prepared.manifest)
    check_environment(work.run, environment(work.job, work.checked_space()), work.anyway)
    if not work.run.has(Chosen):  # else a refit may have been writing it
        work.run.encoder(work.job.registry.field_encoders())
    work.run.get(NewRows)
    if work.run.has(Result):  # a process was killed between training and test
        remove_folder(work.run.path / TRIALS)


@computing()
def _search(work: Work) -> None:
    """Decide the architecture, and hand on the network, with weights from the search or new ones."""
    job, made, recorder = work.job, work.run, work.recorder
    problem = job.search_problem(work.prepared, work.problem)
    problem = replace(problem, warm_start=read_warm_start(job, work.prepared))
    if (seconds := job.config.time_budget) is not None and not made.has(Budget):
        trains, count, total = job.trains(), len(work.prepared.part("test")), len(problem.data.train)
        if trains is None:
            limits = Budget(seconds, 0, total, total, train=ALL - REFIT_SHARE * job.refits())
        else:
            how = (recorder.listener, job.refits())
            limits = planned(problem, seconds, trains, count, *how)
        made.write(agreed(limits))
    budget, sample = _start_clock(work), trial_rows(work.prepared.manifest["rows"]["train"])
    if budget is not None and work.clock is not None:
        problem = replace(with_rows(problem, budget.rows), spent=work.clock.spent)
        sample = budget.trial_rows or sample
    if work.executor is not None:
        folder = str(made.path.absolute() / TRIALS)
        template = TrialSpec(
            job.having(listeners=()).to_json(), str(work.prepared.path), folder, train_rows=sample
        )
        problem = replace(problem, trials=Trials(template, work.executor, made.path))
    problem = replace(
        problem,
        tunable=tunable(job, made, work.prepared),
        model=partial(model, job, work.prepared),
        average=partial(average, job),
    )
    result = _result(job, problem, recorder)
    if job.config.strategy is not None:
        made.write(Search(tuple(result.evidence), tuple(result.front), result.overrides))
    _take_over(work)
    architecture = replace(result.architecture, origin=origin(job.of(made.config()), work.problem.space))
    made.write_architecture(architecture)
    log.info("the search ended with an architecture")
    again = job.trains() and trial_rows(work.prepared.manifest["rows"]["train"])
    if (budget is not None and budget.trial_rows) or again:  # train again, on all rows
        result = replace(result, network=None, trained=False)
    if result.network is not None and (result.trained or job.retrain() == "inherit"):
        work.network, work.epochs, work.trained = result.network, result.epochs, result.trained
        work.best_epochs = result.best_epochs or (result.epochs,)
    else:
        work.network = untrained(work.problem, architecture)


def _start_clock(work: Work) -> Budget | None:
    """Let the clock of a time budget listen, which counts the seconds of earlier processes too."""
    budget, recorder = work.run.get(Budget), work.recorder
    if work.clock is None and budget is not None:
        left = budget.seconds - sum(recorder.seconds.values())
        work.clock = Clock(recorder.listener, left, budget.search, budget.train, work.start, budget.refit)
        recorder.listener = work.clock
    return budget


@computing()
def _train(work: Work) -> None:
    """Train the network, calibrate it on validation rows, and record it; the test part is not read."""
    made, recorder = work.run, work.recorder
    _start_clock(work)
    if work.network is None:  # an earlier process did the search
        _take_over(work)
        work.network = untrained(work.problem, made.architecture())
    network, problem = work.network, work.problem
    if work.trained:
        best_epochs, cut_short = work.best_epochs, any(map(problem.recipe.cut_short, work.best_epochs))
        rows, size = problem.data.validation, problem.recipe.batch_size
        measured: Metrics = evaluate(network, rows, problem.data.tasks, size, problem.compute)
    else:
        return_memory()
        loop = trainer(work, problem, network, first_epoch=work.epochs)
        recorder.follow(TRAIN, loop)
        measured = loop.run(recorder)
        network, best_epochs, cut_short = loop.network, loop.best_epochs, loop.cut_short
    if work.clock is not None:
        made.write(replace(made.read(Budget), ended=work.clock.ended))
    made.save_weights(network.state_dict())
    scaling, validation = _calibrated(work.job, network, problem, measured)
    if work.job.config.calibrate:
        made.write(scaling)
    seconds = made.read(Costs).seconds | {s: recorder.seconds.get(s, 0.0) for s in (SEARCH, TRAIN)}
    epochs = sum(report["phase"] == TRAIN for report in recorder.reports)
    rows = epochs * len(work.prepared.part("train"))
    made.write(Costs(seconds, rows / seconds[TRAIN] if epochs else None))
    made.write(Chosen(best_epochs, cut_short, validation))
    work.network = network


@computing()
def _refit(work: Work) -> None:
    """Train the network again, on training and validation rows, where the job asks for it; write the result.

    Its epochs, settings, architecture and calibration are those that validation rows chose before.
    """
    job, made, recorder = work.job, work.run, work.recorder
    _start_clock(work)
    if work.network is None:  # an earlier process trained it
        _take_over(work)
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
    remove_folder(made.path / TRIALS)


def _trained(work: Work) -> nn.Module:
    """Return the trained network of a run, from its files if an earlier process trained it."""
    if work.network is None:
        work.network = restored(work.problem.space, work.run, work.problem.compute)
    return work.network


def _can_refit(work: Work, chosen: Chosen) -> bool:
    """Return whether a refit is possible; a warning says why not."""
    recorder, network = work.recorder, _trained(work)
    for member in network.members if isinstance(network, Ensemble) else [network]:
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
    return_memory()
    # An earlier process may have replaced the files of the network before, but not if the loop needs it.
    loop = trainer(work, problem, network, Before(chosen.best_epochs, lambda: _trained(work)))
    work.recorder.follow(REFIT, loop)
    planned = Planned(REFIT, _epochs(network, chosen), len(problem.data.train))
    work.recorder(PhaseBegan(REFIT, (planned,)))
    loop.run(work.recorder)
    if not loop.exhausted:
        work.recorder(Warned("the refit was ended, and the network is that of the training before it"))
        return False
    _save_encoder(made, prepared.encoder_of(problem.space.schema))
    made.write_architecture(replace(architecture, origin=origin(job, problem.space)))
    made.save_weights(loop.network.state_dict())
    work.network, work.problem = loop.network, problem
    work.prepared, work.space = prepared, problem.space
    return True


def untrained(problem: Problem, architecture: Architecture) -> nn.Module:
    """Return a network with new weights, and an ensemble with those of the seed of each member."""
    if members := problem.space.members():
        networks = list[nn.Module]()
        for place, (name, space) in enumerate(members.items()):
            own = replace(problem, space=space, seed=seeds.of_member(problem.seed, place))
            networks.append(untrained(own, Architecture(of_member(name, architecture.decisions))))
        return Ensemble(networks)
    seeds.seed_torch(problem.seed, "network")
    return problem.space.network(architecture)


def trainer(
    work: Work, problem: Problem, network: nn.Module, before: Before | None = None, first_epoch: int = 0
) -> Fit | EnsembleFit | LearnerFit:
    """Return the trainer of a network, which may be an ensemble or a `Learner`.

    Args:
        work: The run.
        problem: The data and the recipe.
        network: The network, which may have weights of a search.
        before: For a refit: the training before it.
        first_epoch: Number of epochs that its weights are trained for.

    """
    how = (problem.data, problem.recipe, problem.seed, problem.compute)
    # A refit that is ended is discarded, so its parts have no shares of the time.
    lasts = always if work.clock is None or before else work.clock.lasts
    if isinstance(network, Ensemble):
        return EnsembleFit(network, *how, lasts, before)
    return model_fit(network, *how, lasts, before, first_epoch)


def _calibrated(
    job: Job, network: nn.Module, problem: Problem, validation: Metrics
) -> tuple[Calibration, Metrics]:
    """Return the scaling of all binary tasks with enough validation rows of both classes, and all metrics.

    The validation rows have also stopped the training; two numbers add little to this choice.
    """
    data, recipe, registered = problem.data, problem.recipe, job.validation_metrics()
    enough = [
        place
        for place, task in enumerate(data.tasks)
        if job.config.calibrate
        and task.type.probability
        and validation[task.name].is_informative(recipe.min_positives)
    ]
    if not enough and not registered:  # no need for another pass
        return Calibration(), with_others(validation)
    labels = np.asarray(data.validation.labels)
    logits = predict(network, data.validation, recipe.batch_size, problem.compute)
    scalings = {data.tasks[place].name: platt(labels[:, place], logits[:, place]) for place in enough}
    scaling = Calibration({name: fitted for name, fitted in scalings.items() if fitted is not None})
    if not registered:
        return scaling, with_others(validation)
    logits = calibrated(scaling.scaling, data.tasks, logits)
    measured = metrics_of(data.tasks, labels, logits, data.validation.users, registered)
    return scaling, with_others(validation, measured)


def _take_over(work: Work) -> None:
    """Take over the settings that the search chose, if there are any.

    The encoder of the run then has the histories and aggregates that the chosen encodings read.
    """
    config = work.run.config()
    if config == work.run.initial_config():
        return
    work.problem = work.job.of(config).problem(work.prepared)
    _save_encoder(work.run, work.prepared.encoder_of(work.problem.space.schema))


def _save_encoder(run: Run, encoder: Encoder) -> None:
    """Write the encoder of a run; of a data-parallel job, the first process writes it."""
    first(lambda: encoder.save(run.path / ENCODER))


def _result(job: Job, problem: Problem, recorder: Recorder) -> SearchResult:
    """Return the result of the job's strategy or, without one, the decisions of the configuration.

    Raises:
        PluginError: the strategy returns something else, or chose settings other than those of recipe, space
            or encodings.

    """
    if job.config.strategy is None:
        return SearchResult(job.fixed_architecture(problem.space))
    strategy = job.strategy(problem)
    recorder.follow("search", strategy)
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


def _training_ahead(job: Job, prepared: Prepared) -> Planned:
    """Return the work of the training: a search on a sample of a large table leaves one on all rows."""
    rows, recipe = prepared.manifest["rows"]["train"], job.config.training
    epochs = 0 if job.trains() and not trial_rows(rows) else recipe.epochs * job.networks()
    return Planned(TRAINING, epochs, rows, recipe.patience_for(steps(rows, recipe.batch_size)))


def _refit_ahead(job: Job, prepared: Prepared) -> Planned:
    """Return the work of the refit: at most that of the training, on more rows."""
    rows, recipe = prepared.manifest["rows"], job.config.training
    patience = recipe.patience_for(steps(rows["train"], recipe.batch_size))
    epochs = recipe.epochs * job.networks() if job.refits() else 0
    return Planned(REFIT, epochs, rows["train"] + rows["validation"], patience)


def _test_ahead(job: Job, prepared: Prepared) -> Planned:
    """Return the work of the test, and of the permutation importance of all fields."""
    rows = prepared.manifest["rows"]["test"]
    permuted = min(job.config.importance.rows, rows) * len(prepared.schema.fields())
    return Planned(TEST, rows=(rows + permuted) * PREDICTION)


FIT: tuple[Stage, ...] = (
    Stage("check", _check, lambda work: False, lambda job, prepared: Planned("check", 0)),
    Stage(
        SEARCH,
        do=_search,
        done=lambda work: work.run.has(Chosen) or work.recorder.stage == TRAIN,
        ahead=lambda job, prepared: Planned(SEARCH, job.search_epochs(), prepared.manifest["rows"]["train"]),
    ),
    Stage(TRAINING, _train, lambda work: work.run.has(Chosen), _training_ahead),
    Stage(REFIT, _refit, lambda work: work.run.has(Result), _refit_ahead),
)
"""The stages of a run before the test part is read."""
TESTED = (Stage(TEST, test, lambda work: is_tested(work.job, work.run), _test_ahead),)
STAGES = (*FIT, *TESTED)


def to_come(job: Job, prepared: Prepared, stages: Sequence[Stage] = STAGES) -> tuple[Planned, ...]:
    """Return the work of stages, without those that have nothing to do."""
    parts = [stage.ahead(job, prepared) for stage in stages]
    return tuple(part for part in parts if part.epochs != 0)


def encodings_to_come(job: Job, prepared: Prepared) -> tuple[Planned, ...]:
    """Return the work of the encoding search and of all stages after it."""
    rows = min(prepared.manifest["rows"]["train"], job.config.encoding_search.rows)
    # It takes as long as 15 epochs of a training on its rows: measured on generated data.
    return Planned(ENCODING_SEARCH, rows=15 * rows), *to_come(job, prepared)


def run(work: Work, stages: Sequence[Stage] = STAGES) -> Result:
    """Do the stages of a run that are not done, in their order, and return the result.

    Raises:
        DivergedError: a loss is not finite.
        OutOfMemoryError: the machine has too little memory for the settings.
        ArtifactError: the checkpoint is damaged, or settings, data or environment are not those of the run.
        PluginError: new rows are read otherwise than the prepared ones.

    """
    trained = work.run.has(Result)  # by a process that was killed before the test
    ahead = to_come(work.job, work.prepared, TESTED if trained else stages)
    name, seconds = TEST if trained else TRAINING, work.job.config.time_budget
    with observed(work, PhaseBegan(name, ahead, seconds, work.later)) as work.listener:
        for stage in stages:
            if not stage.done(work):
                stage.do(work)
    return work.run.read(Result)
