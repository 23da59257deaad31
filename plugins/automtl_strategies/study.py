"""A study over recipe, encodings and architecture in one, by Optuna.

Recipe and architecture interact (Zela, Klein, Falkner and Hutter, "Towards Automated Deep Learning", AutoML
workshop at ICML 2018, arXiv 1807.06906): an architecture that is better with one learning rate may be worse
with another. A trial therefore chooses both, and is trained from scratch; the best one on validation rows is
the result.

Trials are asked for in batches, whose trials may run side by side, and told in their order. The state of a
search holds the results of the trials. A search that continues asks the study again for all of its trials,
and tells it these results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.distributed import is_first
from automtl_core.errors import DivergedError, UsageError, did_you_mean, listing
from automtl_core.modules.cost import Cost
from automtl_core.search.evidence import Point
from automtl_core.search.held_out import shortfall
from automtl_core.search.in_order import InOrder
from automtl_core.search.problem import Overrides, Problem, Tunable, nothing
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.study.parameters import (
    Parameters,
    parameters_of,
    parameters_of_settings,
    suggested_architecture,
    suggested_settings,
    usable,
)
from automtl_core.search.study.record import JOURNAL, Record
from automtl_core.search.study.study import (
    ETA,
    Direction,
    Pruner,
    Sampler,
    Study,
    check_installed,
    pruner_of,
    quiet,
)
from automtl_core.search.train_trial import trained_fit, trials_of
from automtl_core.search.trial import TrialResult, Trials, TrialSpec
from automtl_core.settings.settings import Settings
from automtl_core.training.batches import steps
from automtl_core.training.events import Listener
from automtl_core.training.metrics import Metrics, mean_over_tasks
from automtl_core.training.recipe import Recipe
from automtl_strategies.paths import START, probes

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

TRIALS = 30
"""Default number of trials without a time budget."""
LEAST_SEEDS = 4
"""Least number of seeds with which a Wilcoxon test can be significant at Optuna's level of 0.1."""


class StudySettings(Settings):
    """Settings of a study."""

    trials: int | None = Field(None, ge=1)
    """Maximum number of trials; each trains a network from scratch. null: the time budget is the only limit,
    or 30 trials without a time budget."""
    batch: int = Field(4, ge=1)
    """Number of trials that are chosen at once, and may run side by side. The result depends on it, but not
    on the number of workers. A smaller value lets each trial learn from more others."""
    sampler: Sampler = "tpe"
    """Optuna's sampler. tpe: tree-structured Parzen estimator, for any number of parameters. gp: Gaussian
    process, for few. random: random search."""
    pruner: Literal["auto"] | Pruner = "auto"
    """Optuna's pruner, which ends trials early. halving: the better half of the trials goes on at each rung.
    hyperband: several such schedules, some with later rungs; for a hundred trials or more, since the sampler
    learns from each schedule separately. wilcoxon: trains a trial with one seed after the other, and ends it
    if a signed-rank test over seeds finds it worse than the best trial. none: no trial ends early. auto:
    halving, or none with two objectives."""
    rung_epochs: int = Field(8, ge=1)
    """Number of epochs of the first rung, of halving and hyperband; each rung has twice the epochs of the one
    before. A small value favours wide networks, which learn faster at first. A larger value takes longer."""
    rung_steps: int = Field(600, ge=1)
    """Number of training steps of the first rung, rounded up to an epoch, if these are fewer epochs than
    `rung_epochs`. It limits the time on large data."""
    seeds: int = Field(1, ge=1)
    """Number of trainings of each trial, each with another seed; the score of a trial is their mean.
    With more seeds the best trial is less often the best by chance, and there is time for fewer trials."""
    flops: bool = False
    """Whether the FLOPs per row are a second objective, to be minimised. The result is the most accurate
    trial all the same; `automtl train --model RUN --prefer cost` trains a cheaper one of the Pareto front."""
    landmarks: int = Field(4, ge=0)
    """Number of landmarks (known architectures of the space, such as `mmoe`) that are the first trials, with
    the settings of the run, in the order of the space. A warm start comes before them."""
    fixed: tuple[str, ...] = ()
    """Settings that keep their values, such as `training.learning_rate`. All other settings with a domain are
    searched (`automtl settings` shows domains), and so are encodings that are `auto`."""
    storage: str | None = None
    """URL of a storage of Optuna for the record of the study, such as `sqlite:///studies.db`. null: the file
    `study.journal` in the run directory. The result does not depend on it."""

    @model_validator(mode="after")
    def _prunes(self) -> Self:
        if self.flops and self.pruner not in ("auto", "none"):
            raise ValueError("no pruner takes two objectives: set pruner to none, or flops to false")
        if self.pruner == "wilcoxon" and self.seeds < LEAST_SEEDS:
            raise ValueError(
                f"the pruner wilcoxon compares trials by seeds: set seeds to {LEAST_SEEDS} or more"
            )
        return self


class Stage(NamedTuple):
    """A part of the training of each trial; after it a trial may be pruned."""

    step: int
    """Epochs so far, or the number of the seed: the step of the report to the pruner."""
    members: Sequence[int]
    """Seeds that are trained in it, counted from 0."""
    epochs: int | None
    """Last epoch; None for a full training."""


@dataclass
class Tried:
    """A trial of the study."""

    name: str
    trial: "Trial"
    architecture: Architecture
    overrides: Overrides
    cost: Cost
    results: dict[int, TrialResult] = field(default_factory=dict)
    """Seed -> the latest result."""
    value: float | None = None
    """Mean score over seeds; None where there is no result, or a training diverged."""
    complete: bool = False
    """Whether all trainings have come to their end."""

    def named(self, member: int) -> str:
        """Return the name of the training with a seed."""
        return self.name if not member else f"{self.name}, seed {member + 1}"

    @property
    def error(self) -> str | None:
        """Error message of a training that diverged; None without one."""
        return next((result.error for result in self.results.values() if result.error), None)


class StudySearch(SearchStrategy[StudySettings]):
    """Recipe, encodings and architecture in one: trials from scratch, by Optuna (extra `study`)."""

    retrain = "inherit"
    trains = True
    libraries = ("optuna",)

    def __init__(self, settings: StudySettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        tunable = problem.tunable or Tunable(lambda overrides: problem)
        if unknown := [name for name in settings.fixed if name not in tunable.domains]:
            hint = did_you_mean(unknown[0], tunable.domains)
            raise UsageError(
                f"strategy.fixed: {unknown[0]} is not searched{hint}",
                f"choose of {listing(tunable.domains)}, or leave it out",
            )
        searched = {name: d for name, d in tunable.domains.items() if name not in settings.fixed}
        self.tunable = replace(tunable, domains=usable(searched, tunable.values))
        self.tried: list[Tried] = []
        self.reference: Metrics | None = None  # which scores are relative to
        self.spent = 0
        self.going_on = True
        self.waiting: list[str] = []
        self.reported: dict[str, int] = {}
        self.results: dict[str, TrialResult] = {}  # of the current stage
        self.stages: dict[str, dict[str, TrialResult]] = {}  # of earlier stages, by batch and stage

    @classmethod
    def check(cls) -> None:
        """Check that Optuna is installed."""
        check_installed("the strategy study")

    @classmethod
    def epochs(cls, settings: StudySettings, recipe: Recipe) -> int | None:
        """Return the number of epochs without early ends; None without a number of trials."""
        return settings.trials and settings.trials * settings.seeds * recipe.epochs

    def search(self, listener: Listener) -> SearchResult:
        """Ask for batches of trials, train them, and tell their values; return the best trial."""
        with trials_of(self.problem) as trials, quiet():
            first = self._first()
            study = Study(
                self.problem.seed,
                self.settings.sampler,
                list(first.values()),
                self._directions,
                pruner_of(self._pruner, self._rung, self.problem.recipe.epochs),
                max(len(first), 1),
            )
            record = self._record(trials)
            batch = 0
            while self.going_on and (count := self._next(batch)):
                tried = [self._ask(study, list(first)) for _ in range(count)]
                if not self._train(batch, tried, trials, listener):
                    break
                told = [self._told(study, one) for one in tried]
                if record is not None:
                    record.add(told)
                batch += 1
            return self._result(trials)

    @property
    def _pruner(self) -> Pruner:
        chosen = self.settings.pruner
        if chosen != "auto":
            return chosen
        return "none" if self.settings.flops else "halving"

    @property
    def _directions(self) -> Sequence[Direction]:
        return ("maximize", "minimize") if self.settings.flops else ("maximize",)

    @property
    def _rung(self) -> int:
        """Epochs of the first rung."""
        rows, recipe = len(self.problem.data.train), self.problem.recipe
        epoch_steps = max(steps(rows, recipe.batch_size), 1)
        return min(self.settings.rung_epochs, -(-self.settings.rung_steps // epoch_steps))

    @property
    def _schedule(self) -> list[Stage]:
        whole, seeds = self.problem.recipe.epochs, range(self.settings.seeds)
        if self._pruner == "wilcoxon":
            return [Stage(seed, [seed], None) for seed in seeds]
        rungs: list[Stage] = []
        epochs = self._rung
        while self._pruner != "none" and epochs < whole:
            rungs.append(Stage(epochs, seeds, epochs))
            epochs *= ETA
        return [*rungs, Stage(whole, seeds, None)]

    def _first(self) -> dict[str, Parameters]:
        """Return the parameters of the first trials: the start, then landmarks."""
        problem, tunable = self.problem, self.tunable
        choices, known = problem.space.choices(), probes(problem)
        start = {START: known.pop(START)} if START in known else {}
        chosen = {**start, **dict(list(known.items())[: self.settings.landmarks])}
        settings = parameters_of_settings(tunable.values, tunable.domains)
        found = {name: {**settings, **parameters_of(one, choices)} for name, one in chosen.items()}
        if start and problem.warm_start is not None:
            found[START] |= parameters_of_settings(problem.warm_start.settings, tunable.domains)
        return found

    def _record(self, trials: Trials) -> Record | None:
        if trials.run is None or not is_first():
            return None
        return Record(self.settings.storage or trials.run / JOURNAL, trials.run.name, self._directions)

    def _next(self, batch: int) -> int:
        """Return the number of trials of a batch; 0 at the end of the study."""
        most, timed = self.settings.trials, self.problem.spent is not nothing
        if most is None and not timed:
            most = TRIALS
        count = self.settings.batch if most is None else min(self.settings.batch, most - len(self.tried))
        is_known = f"{batch}.0" in self.stages
        return count if is_known or self.problem.spent() < 1 else 0

    def _ask(self, study: Study, names: Sequence[str]) -> Tried:
        """Return the next trial, with its architecture and settings."""
        trial, tunable = study.ask(), self.tunable
        overrides = suggested_settings(trial, tunable.domains, tunable.values)
        space = tunable.problem(overrides).space
        architecture = suggested_architecture(space, trial, study.options)
        name = names[trial.number] if trial.number < len(names) else f"trial {trial.number}"
        self.tried.append(Tried(name, trial, architecture, overrides, space.cost(architecture)))
        return self.tried[-1]

    def _train(self, batch: int, tried: Sequence[Tried], trials: Trials, listener: Listener) -> bool:
        """Train the trials of a batch stage by stage; return False if a listener has ended it before."""
        schedule, alive = self._schedule, list(tried)
        for place, stage in enumerate(schedule):
            if not alive:
                break
            key = f"{batch}.{place}"
            last = stage is schedule[-1]
            specs = {
                one.named(member): self._spec(trials, one, member, stage)
                for one in alive
                for member in stage.members
                if not self._has_ended(one, member)
            }
            if key not in self.stages:
                found = self._run(specs, trials, listener)
                if not self.waiting:
                    self.stages[key], self.results = found, {}
            found = self.stages.get(key, self.results)
            for one in alive:
                one.results |= {m: found[one.named(m)] for m in stage.members if one.named(m) in found}
                self._score(one, last and not self.waiting)
            if self.waiting or not (last or self.going_on):
                return False
            alive = [one for one in alive if not one.error and not self._prunes(one, stage, last)]
        return True

    def _run(
        self, specs: Mapping[str, TrialSpec], trials: Trials, listener: Listener
    ) -> dict[str, TrialResult]:
        """Run the trainings of a stage that have no result yet; return all results of the stage."""
        first: dict[TrialSpec, str] = {}  # equal ones are trained once
        for name, spec in specs.items():
            first.setdefault(spec, name)
        self.waiting = [n for n, spec in specs.items() if first[spec] == n and n not in self.results]
        stream, left = InOrder(self, listener), [specs[name] for name in self.waiting]
        for spec, result in trials.executor.run(left, lambda spec, event: stream(first[spec], event)):
            stream.end(first[spec], result)
        return {n: self.results[first[spec]] for n, spec in specs.items() if first[spec] in self.results}

    def _spec(self, trials: Trials, one: Tried, member: int, stage: Stage) -> TrialSpec:
        return trials.spec(one.architecture, stage.epochs, member=member, overrides=one.overrides)

    def _has_ended(self, one: Tried, member: int) -> bool:
        return member in one.results and one.results[member].state == "done"

    def _score(self, one: Tried, last: bool) -> None:
        """Compute the score of a trial from its latest results."""
        metrics = [result.metrics for result in one.results.values() if result.metrics]
        if one.error or not metrics:
            one.value = None
            return
        self.reference = self.reference or metrics[0]
        one.value = sum(self._change(each) for each in metrics) / len(metrics)
        one.complete = last

    def _change(self, metrics: Metrics) -> float:
        """Return the relative change of validation metrics against the first ones of the study."""
        return self.problem.recipe.change(metrics, self.reference or metrics)

    def _prunes(self, one: Tried, stage: Stage, last: bool) -> bool:
        """Report a score to the pruner, and return its answer; a training that has ended is kept."""
        if last or self.settings.flops or one.value is None:
            return False
        of_stage = [self._change(one.results[member].metrics) for member in stage.members]
        one.trial.report(sum(of_stage) / len(of_stage), stage.step)
        prunes = one.trial.should_prune()
        ended = all(self._has_ended(one, member) for member in range(self.settings.seeds))
        return prunes and not ended

    def _told(self, study: Study, one: Tried) -> "FrozenTrial":
        """Tell the study the value of a trial, and return the record of the trial."""
        attributes = {
            "name": one.name,
            "architecture": {
                n: d if isinstance(d, str) else list(d) for n, d in one.architecture.decisions.items()
            },
            "FLOPs per row": one.cost.flops_per_row,
            "parameters": one.cost.parameters,
            "AUC": self._auc(one),
            "seconds": sum(result.seconds for result in one.results.values()),
            "error": one.error,
        }
        for name, value in attributes.items():
            if value is not None:
                one.trial.set_user_attr(name, value)
        if not one.complete or one.value is None:
            return study.leave(one.trial)
        flops = [float(one.cost.flops_per_row)] if self.settings.flops else []
        return study.complete(one.trial, [one.value, *flops])

    def _auc(self, one: Tried) -> float | None:
        """Return the mean validation AUC over tasks and seeds."""
        least = self.problem.recipe.min_positives
        means = [
            mean_over_tasks({task: m.score for task, m in r.metrics.items()}, r.metrics, least)
            for r in one.results.values()
        ]
        known = [mean for mean in means if mean is not None]
        return sum(known) / len(known) if known else None

    def _result(self, trials: Trials) -> SearchResult:
        """Return the best trial with its network, and the Pareto front of all trials.

        If no trial has come to its end, the best of those that were begun is taken.
        """
        scored = [one for one in self.tried if one.value is not None]
        pool = [one for one in scored if one.complete] or scored
        if not pool:
            errors = sorted({one.error for one in self.tried if one.error})
            if errors:
                raise DivergedError("; ".join(errors), "lower training.learning_rate")
            return SearchResult(next(iter(probes(self.problem).values())))
        best = max(pool, key=lambda one: one.value or 0.0)
        member = min(best.results)
        spec = trials.spec(best.architecture, member=member, overrides=best.overrides)
        network = trained_fit(self.tunable.problem(best.overrides), spec).network
        points: dict[str, Point] = {}  # of equal trials the first one
        for one in pool:
            same = trials.spec(one.architecture, overrides=one.overrides).name
            points.setdefault(same, self._point(one, chosen=one is best))
        front = sorted(points.values(), key=lambda point: (point.flops_per_row, point.name))
        front = front if best.complete else []
        epochs = best.results[member].best_epoch
        return SearchResult(
            best.architecture, network, epochs, best.complete, front=front, overrides=best.overrides
        )

    def _point(self, one: Tried, chosen: bool) -> Point:
        metrics = one.results[min(one.results)].metrics
        return Point(
            one.name,
            one.architecture.decisions,
            shortfall(metrics),
            error=None,
            score=self._auc(one),
            flops_per_row=one.cost.flops_per_row,
            parameters=one.cost.parameters,
            trained=True,
            chosen=chosen,
            overrides=one.overrides,
        )

    def state_dict(self) -> State:
        """Return the results of all trials."""
        return {
            "spent": self.spent,
            "reported": dict(self.reported),
            "results": _to_state(self.results),
            "stages": {key: _to_state(results) for key, results in self.stages.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state`."""
        self.spent, self.reported = state["spent"], dict(state["reported"])
        self.results = _from_state(state["results"])
        self.stages = {key: _from_state(results) for key, results in state["stages"].items()}


def _to_state(results: Mapping[str, TrialResult]) -> State:
    return {name: result.to_state() for name, result in results.items()}


def _from_state(state: State) -> dict[str, TrialResult]:
    return {name: TrialResult.from_state(result) for name, result in state.items()}
