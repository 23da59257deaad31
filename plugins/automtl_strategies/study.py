"""A study over recipe, encodings and architecture in one, by Optuna.

Recipe and architecture interact (Zela, Klein, Falkner and Hutter, "Towards Automated Deep Learning", AutoML
workshop at ICML 2018, arXiv 1807.06906): an architecture that is better with one learning rate may be worse
with another. A trial therefore chooses both, and is trained from scratch; the best one on validation rows is
the result.

`SearchSpace.build(choose)` is the objective: the chooser asks for a value where the space has a choice
(define-by-run, Akiba et al., "Optuna", KDD 2019), so that parts which are not built have no parameters.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar

from pydantic import Field

from automtl_core.plugin import (
    AnyOf,
    Architecture,
    Choice,
    Cost,
    Decision,
    Fixing,
    Listener,
    OneOf,
    Parameters,
    Point,
    Problem,
    Proposals,
    Recipe,
    SearchResult,
    SearchSpace,
    SearchStrategy,
    Suggests,
    Training,
    TrialLoop,
    UsageError,
    did_you_mean,
    listing,
    meta,
    parameters_of_settings,
    steps,
    suggested_settings,
    trained_fit,
    trials_of,
    usable,
)
from automtl_strategies.last_round import point_of
from automtl_strategies.optuna_scheduler import OptunaScheduler, OptunaSettings
from automtl_strategies.paths import probes

ALL, NONE, SOME = "all", "none", "some"
"""Values of the parameter of a choose-any. Options are a group: only for `some` each has a parameter."""


class StudySettings(OptunaSettings):
    """Settings of a study."""

    landmarks: int = Field(4, ge=0)
    """Number of landmarks (known architectures of the space, such as `mmoe`) that are the first trials, with
    the settings of the run, in the order of the space."""
    fixed: tuple[str, ...] = ()
    """Settings that keep their values, such as `training.learning_rate`. All other settings with a domain are
    searched (`automtl list` shows domains), and so are encodings that are `auto`."""
    removed: ClassVar[Mapping[str, Any]] = {**OptunaSettings.removed, "scheduler": None}


class StudySearch(SearchStrategy[StudySettings]):
    """Recipe, encodings and architecture in one: trials from scratch, by Optuna (extra `study`)."""

    retrain = "inherit"
    trains = True
    libraries = ("optuna",)
    scheduler = OptunaScheduler
    loop: TrialLoop

    def __init__(self, settings: StudySettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        domains, values = problem.trials.domains, problem.trials.values
        if unknown := [name for name in settings.fixed if name not in domains]:
            hint = did_you_mean(unknown[0], domains)
            raise UsageError(
                f"strategy.fixed: {unknown[0]} is not searched{hint}",
                f"choose of {listing(domains)}, or leave it out",
            )
        searched = {name: d for name, d in domains.items() if name not in settings.fixed}
        self.domains = usable(searched, values)
        self.costs: dict[str, Cost] = {}  # of the candidates by name, since a new problem takes a while
        self.options: dict[str, Sequence[str]] = {}  # see `suggesting`
        self.loop = TrialLoop(self._scheduler())

    @classmethod
    def check(cls) -> None:
        """Check that Optuna is installed."""
        if find_spec("optuna") is None:
            raise UsageError("a search by Optuna needs optuna", "install it: pip install 'automtl[study]'")

    @classmethod
    def epochs(cls, settings: StudySettings, recipe: Recipe) -> int | None:
        """Return the number of epochs without early ends; None without a number of trials."""
        return settings.trials and settings.trials * recipe.epochs

    def search(self, listener: Listener) -> SearchResult:
        """Train candidates; return the best one with its network, and the Pareto front of all.

        If none has come to its end, the best of those that were begun is taken.
        """
        loop = self.loop
        with trials_of(self.problem) as trials:
            loop.run(trials, listener)
            if not (ranked := loop.best()):
                return SearchResult(next(iter(probes(self.problem).values())))
            best = ranked[0]
            overrides, result = best.overrides, loop.latest[best.name][1]
            network = trained_fit(self.problem.having(overrides), trials.placed(best)).network
            points: dict[str, Point] = {}  # of equal candidates the first one
            names = {one.name for one in ranked}
            for candidate, trained in [loop.latest[name] for name in loop.latest if name in names]:
                point = point_of(candidate, self.costs[candidate.name], self.problem.recipe, trained.metrics)
                points.setdefault(candidate.digest, replace(point, chosen=candidate.name == best.name))
        complete = result.state == "done"
        front = sorted(points.values(), key=lambda point: (point.flops_per_row, point.name))
        return SearchResult(
            best.architecture,
            network,
            result.best_epoch,
            complete,
            front=front if complete else [],
            overrides=overrides,
        )

    def _scheduler(self) -> OptunaScheduler:
        problem, recipe, choices = self.problem, self.problem.recipe, self.problem.space.choices()
        # The first candidates are landmarks, with the values of the settings of the run.
        first = [Training(*one) for one in list(probes(problem).items())[: self.settings.landmarks]]
        values = parameters_of_settings(problem.trials.values, self.domains)
        proposals = Proposals(
            first,
            recipe,
            max(steps(len(problem.data.train), recipe.batch_size), 1),
            problem.seed,
            self._suggest,
            [{**values, **parameters_of(one.architecture, choices)} for one in first],
            startup=max(len(first), 1),
            # A batch that was begun before a kill is trained to its end, as without the kill.
            spent=None if problem.spent is float else lambda: 0 if self.loop.replays else problem.spent(),
        )
        return OptunaScheduler(self.settings, proposals)

    def _suggest(self, trial: Suggests, name: str) -> Training:
        """Return the candidate of a trial, with its architecture and settings."""
        overrides = suggested_settings(trial, self.domains, self.problem.trials.values)
        space = self.problem.having(overrides).space
        architecture = suggested_architecture(space, trial, self.options)
        self.costs[name] = space.cost(architecture)
        return Training(name, architecture, overrides)


def suggesting(trial: Suggests, options: MutableMapping[str, Sequence[str]]) -> Callable[[Choice], Decision]:
    """Return the decision of each choice by parameters of a trial.

    Args:
        trial: Suggests values.
        options: Name of a parameter -> its options in earlier trials, which is extended. Where the options of
            a choice depend on settings, each list of options is a parameter of its own.

    """

    def decide(choice: Choice) -> Decision:
        parameter = choice.name
        if isinstance(choice, OneOf):
            while options.setdefault(parameter, choice.options) != choice.options:
                parameter += "'"
            return str(trial.suggest_categorical(parameter, choice.options))
        groups = (ALL, NONE, SOME) if len(choice.options) > 1 else (ALL, NONE)
        group = trial.suggest_categorical(parameter, groups)
        return tuple(
            option
            for option in choice.options
            if group == ALL
            or (group == SOME and trial.suggest_categorical(f"{parameter}: {option}", (False, True)))
        )

    return decide


def suggested_architecture(
    space: SearchSpace, trial: Suggests, options: MutableMapping[str, Sequence[str]]
) -> Architecture:
    """Return the architecture that a trial suggests, in its canonical form; see `suggesting`."""
    choose = Fixing(suggesting(trial, options))
    with meta():
        space.build(choose)
    unasked: dict[str, Decision] = {
        name: () if isinstance(choice, AnyOf) else choice.options[0]
        for name, choice in space.choices().items()
    }
    return space.canonical(Architecture({**unasked, **choose.asked}))


def parameters_of(architecture: Architecture, choices: Mapping[str, Choice]) -> Parameters:
    """Return the parameters with which a trial suggests an architecture."""
    found: Parameters = {}
    for name, decision in architecture.decisions.items():
        if isinstance(decision, str):
            found[name] = decision
            continue
        options = choices[name].options
        found[name] = ALL if set(decision) == set(options) else SOME if decision else NONE
        found |= {f"{name}: {option}": option in decision for option in options}
    return found
