"""The last round of a search: train the best candidates and other models from scratch, and keep the best.

The other models, such as MMoE and boosted trees, are trained as a comparison trains them. So the result of a
search is one of them where they predict validation rows better than the best architecture of the space.

Random search is a last round of random candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from automtl_core.plugin import (
    NAMED,
    SILENT,
    Architecture,
    Candidate,
    Component,
    Cost,
    Ensemble,
    Evidence,
    HeldOut,
    Listener,
    Losses,
    Metrics,
    Noted,
    Point,
    Problem,
    Proposals,
    Recipe,
    Scored,
    SearchResult,
    SearchStrategy,
    State,
    TrialLoop,
    UsageError,
    difference,
    draw,
    evaluate,
    mean_over_tasks,
    seeds,
    shortfall,
    steps,
    trained_fit,
    trials_of,
)
from automtl_strategies.halving import Halving, HalvingSettings
from automtl_strategies.paths import START, probes


class LastRoundSettings(HalvingSettings):
    """Settings of the last round of a search."""

    rivals: tuple[str, ...] = ()
    """Final comparison: models without choices, such as `mmoe`, that are trained beside the result of the
    search, with their default settings. The best one on validation rows is the result. A model whose library
    is not installed is left out, and so is one that cannot learn the tasks. Each one takes a part of a
    training, and the best one a whole training."""
    instead: ClassVar[Mapping[str, str]] = {"landmarks": "strategy.rivals, such as [mmoe, ple]"}
    scheduler: Annotated[Component, NAMED] | None = None
    """Final comparison: the scheduler that trains the candidates, with its settings. null: successive
    halving, with the settings beside this one."""

    def last_round(self, recipe: Recipe, finalists: int = 1) -> int:
        """Return the maximum number of epochs of the round, for a number of architectures."""
        entrants = finalists + len(self.rivals) + bool(self.rivals)  # one more for a variant
        return entrants * recipe.epochs if self.scheduler else self.most_epochs(entrants, recipe)


class LastRound:
    """The training of the candidates of a search from scratch, with the evidence of the search.

    Args:
        problem: The problem of the search.
        settings: Settings of the round.

    """

    def __init__(self, problem: Problem, settings: LastRoundSettings) -> None:
        self.problem = problem
        self.settings = settings
        self.evidence: Sequence[Evidence] = ()
        self.entrants: dict[str, Candidate] = {}
        """Candidates by name, favourite first; empty before the search has chosen them."""
        self.loop: TrialLoop

    def variants(self, name: str, architecture: Architecture) -> list[Candidate]:
        """Return an architecture with other settings of the space, see `SearchSpace.variants`."""
        settings = self.problem.space.variants() if self.settings.rivals and self.problem.tunable else {}
        return [Candidate(f"{name}, {k}", architecture, {"space": v}) for k, v in settings.items()]

    def rivals(self, listener: Listener = SILENT) -> list[Candidate]:
        """Return the models that take part; the listener receives the reason why one is left out."""
        if (model := self.problem.model) is None:
            return []
        found = list[Candidate]()
        for name in self.settings.rivals:
            try:
                found.append(model(name))
            except UsageError as error:
                listener(Noted(f"{name} does not take part in the final comparison: {error} ({error.fix})"))
        return found

    def begin(
        self,
        entrants: Mapping[str, Architecture],
        spent: int,
        evidence: Sequence[Evidence] = (),
        rivals: Sequence[Candidate] = (),
    ) -> None:
        """Set the entrants, favourite first; of equal networks the first one.

        Args:
            entrants: Architectures by name.
            spent: Number of epochs that the search took before.
            evidence: Evidence of the decisions of the search.
            rivals: Further candidates, of other spaces.

        """
        problem, forms = self.problem, list[Architecture]()
        self.entrants = {}
        for name, architecture in entrants.items():
            if (form := problem.space.canonical(architecture)) not in forms:
                forms.append(form)
                self.entrants[name] = Candidate(name, architecture)
        self.entrants |= {rival.name: rival for rival in rivals}
        self.evidence = evidence
        proposals = Proposals(
            list(self.entrants.values()),
            problem.recipe,
            max(steps(problem.trial_rows, problem.recipe.batch_size), 1),
            problem.seed,
            on_sample=problem.samples,
        )
        default = partial(Halving, self.settings)
        self.loop = TrialLoop(problem.scheduler(self.settings.scheduler, default, proposals), spent)

    def run(self, listener: Listener) -> SearchResult:
        """Train until as many entrants are left as the ensemble has members, and choose these.

        The network of the result is fully trained, unless trials read a sample of the rows.

        Raises:
            DivergedError: every training diverged.

        """
        if len(self.entrants) == 1 and self.problem.samples:
            return self.favourite()
        loop = self.loop
        with trials_of(self.problem) as trials:
            loop.run(trials, listener)
            if not (ranked := loop.best()):
                return self.favourite()
            overrides = ranked[0].candidate.overrides
            # Networks of several spaces have no common architecture.
            several = self.settings.ensemble > 1 and not overrides
            ranked = [t for t in ranked if not t.candidate.overrides] if several else ranked[:1]
            problem = self._problem(ranked[0].candidate)
            networks = {t.name: trained_fit(problem, trials.spec(t)).network for t in ranked}
        entrants = {training.name: training.candidate.architecture for training in ranked}
        names, ensembles = [ranked[0].name], dict[str, Point]()
        losses = loop.latest[names[0]][1].losses
        if len(networks) > 1:
            names, ensembles, losses = self._ensemble(networks, entrants)
        points = dict[str, Point]()
        for name, (training, result) in loop.latest.items():
            if result.metrics:
                point = self._point(name, training.candidate, result.metrics)
                error = None if names == [name] else _error(result.losses, losses)
                points[name] = replace(point, error=error)
        points |= ensembles
        chosen = Architecture.ensemble([entrants[name] for name in names])
        network = Ensemble([networks[name] for name in names]) if len(names) > 1 else networks[names[0]]
        best_epoch = max(loop.latest[name][1].best_epoch for name in names)
        front = [replace(point, chosen=name == _title(names)) for name, point in points.items()]
        front.sort(key=lambda point: (point.cost, point.name))
        evidence = () if "name" in overrides.get("space", {}) else self.evidence  # which is about the space
        return SearchResult(chosen, network, best_epoch, loop.going_on, evidence, front, overrides)

    def _problem(self, candidate: Candidate) -> Problem:
        """Return the problem with the settings of a candidate."""
        tunable = self.problem.tunable
        return tunable.problem(candidate.overrides) if tunable and candidate.overrides else self.problem

    def _ensemble(
        self, networks: Mapping[str, nn.Module], entrants: Mapping[str, Architecture]
    ) -> tuple[list[str], dict[str, Point], Losses]:
        """Return the members of the ensemble, the points of those on the way, and its losses.

        The winner is the first member. Next is always the network whose addition gives the best mean on
        validation rows (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
        models", ICML 2004), unless the ensemble is clearly worse with it. It need not be better: on average a
        further member lowers the variance, by less than the validation rows can show.
        """
        settings = self.settings
        rows = HeldOut(self.problem, settings.rows)
        outputs = {name: rows.predict(network.eval()) for name, network in networks.items()}

        def scored(names: Sequence[str]) -> Scored:
            return rows.scored(np.mean([outputs[name] for name in names], axis=0))

        members, points = list(networks)[:1], dict[str, Point]()
        while len(members) < min(settings.ensemble, len(networks)):
            more = {name: scored([*members, name]) for name in networks if name not in members}
            best = min(more, key=lambda name: more[name].losses.mean())
            if difference(scored(members).losses, more[best].losses).is_below_zero(settings.ahead):
                break
            members = [*members, best]
            architecture = Architecture.ensemble([entrants[name] for name in members])
            metrics = self._validated(Ensemble([networks[name] for name in members]))
            points[_title(members)] = self._point("", Candidate(_title(members), architecture), metrics)
        return members, points, scored(members).losses

    def _validated(self, network: nn.Module) -> Metrics:
        """Return the metrics on all validation rows, as for the entrants."""
        data, size = self.problem.data, self.problem.recipe.batch_size
        return evaluate(network, data.validation, data.tasks, size, self.problem.compute)

    def _point(self, name: str, candidate: Candidate, metrics: Metrics) -> Point:
        cost = self._problem(candidate).space.cost(candidate.architecture)
        return point_of(replace(candidate, name=name or candidate.name), cost, self.problem.recipe, metrics)

    def favourite(self) -> SearchResult:
        """Return the favourite of the search, untrained."""
        return SearchResult(next(iter(self.entrants.values())).architecture, evidence=self.evidence)

    def state_dict(self) -> State:
        """Return the entrants and the state of their trainings; empty before the round has begun."""
        if not self.entrants:
            return {}
        return {
            "entrants": {name: c.architecture.to_json() for name, c in self.entrants.items()},
            "overrides": {name: c.overrides for name, c in self.entrants.items()},
            "trainings": self.loop.state_dict(),
            "evidence": [evidence.to_json() for evidence in self.evidence],
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state`."""
        if state:
            evidence = [Evidence.from_json(value, "the checkpoint") for value in state["evidence"]]
            candidates = [
                Candidate(name, Architecture.from_json(text), state["overrides"][name])
                for name, text in state["entrants"].items()
            ]
            own = {one.name: one.architecture for one in candidates if not one.overrides}
            self.begin(own, 0, evidence, [one for one in candidates if one.overrides])
            self.loop.load_state_dict(state.get("trainings", {}))


def point_of(candidate: Candidate, cost: Cost, recipe: Recipe, metrics: Metrics) -> Point:
    """Return the point of a trained candidate.

    Args:
        candidate: The candidate.
        cost: The cost of its network.
        recipe: The training settings.
        metrics: Its validation metrics.

    """
    return Point(
        candidate.name,
        candidate.architecture.decisions,
        shortfall(metrics),
        error=None,
        score=mean_score(recipe, metrics),
        flops_per_row=cost.flops_per_row,
        parameters=cost.parameters,
        trained=True,
        overrides=candidate.overrides,
    )


def mean_score(recipe: Recipe, metrics: Metrics) -> float | None:
    """Return the mean AUC over tasks; None without binary tasks that have enough rows."""
    return mean_over_tasks({task: m.score for task, m in metrics.items()}, metrics, recipe.min_positives)


def _error(losses: Losses | None, chosen: Losses | None) -> float | None:
    """Return the standard error of the difference to the losses of the chosen point, if both are known."""
    if losses is None or chosen is None:
        return None
    return difference(losses, chosen).error


def _title(members: Sequence[str]) -> str:
    """Return the name of an ensemble, or of its only member."""
    return members[0] if len(members) == 1 else f"ensemble of {len(members)}"


class RandomSettings(LastRoundSettings):
    """Settings of random search."""

    candidates: int = Field(8, ge=1, le=100_000)
    """Number of random architectures that are trained. With 1 there is nothing to compare, so the search
    trains nothing."""
    share: float = Field(0.8, ge=0, le=1)
    """Probability that an optional part (a field, an expert) is open in a random architecture. With 0.5 all
    architectures are equally likely."""
    ahead: float = Field(0.0, ge=0)
    """Number of standard errors by which an architecture must predict held-out rows better to replace an
    earlier one. With 0, the better validation score decides."""
    removed: ClassVar[Mapping[str, Any]] = {**LastRoundSettings.removed, "landmarks": 0}


class RandomSearch(SearchStrategy[RandomSettings]):
    """Random architectures, trained by successive halving (Li and Talwalkar, UAI 2019)."""

    trains = True

    def __init__(self, settings: RandomSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        choices = problem.space.choices()
        # Each candidate has its own seed, and so does not depend on the number of candidates.
        self.architectures = [
            draw(choices, seeds.generator(problem.seed, "candidate", k), settings.share)
            for k in range(settings.candidates)
        ]
        self.last_round = LastRound(problem, settings)

    @classmethod
    def epochs(cls, settings: RandomSettings, recipe: Recipe) -> int:
        """Return the maximum number of epochs of all rungs, including those of a warm start."""
        return settings.last_round(recipe, settings.candidates + 1)

    def search(self, listener: Listener) -> SearchResult:
        """Train rung by rung until one is left. A single candidate is not trained."""
        if not self.last_round.entrants:
            self.begin(listener)
        if len(self.last_round.entrants) == 1:
            return self.last_round.favourite()
        return self.last_round.run(listener)

    def begin(self, listener: Listener) -> None:
        """Set the entrants: the warm start, the random candidates, and models of other spaces."""
        drawn = {f"candidate {k}": a for k, a in enumerate(self.architectures, start=1)}
        start = {name: a for name, a in probes(self.problem).items() if name == START}
        self.last_round.begin({**start, **drawn}, 0, rivals=self.last_round.rivals(listener))

    def state_dict(self) -> State:
        """Return the trainings of the remaining candidates and the next ones."""
        return self.last_round.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        self.last_round.load_state_dict(state)
