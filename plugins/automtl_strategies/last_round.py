"""The last round of a search: train the best candidates and other models from scratch, and keep the best.

The other models, such as MMoE and boosted trees, are trained as a comparison trains them. So the result of a
search is one of them where they predict validation rows better than the best architecture of the space, and
the mean of several where that is better by more than chance.

Random search is a last round of random candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field
from torch import nn

from automtl_core.plugin import (
    SILENT,
    Architecture,
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
    SearchResult,
    SearchStrategy,
    State,
    Training,
    TrialLoop,
    UsageError,
    Warned,
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


class LastRoundSettings(HalvingSettings):
    """Settings of the last round of a search."""

    rivals: tuple[str, ...] = ()
    """Final comparison: models without choices, such as `mmoe`, that are trained beside the result of the
    search, with their default settings. The best one on validation rows is the result. A model whose library
    is not installed is left out, and so is one that cannot learn the tasks. Each one takes a part of a
    training, and the best one a whole training."""
    instead: ClassVar[Mapping[str, str]] = {"landmarks": "strategy.rivals, such as [mmoe, ple]"}

    def last_round(self, recipe: Recipe, finalists: int = 1) -> int:
        """Return the maximum number of epochs of the round, for a number of architectures."""
        entrants = finalists + len(self.rivals) + bool(self.rivals)  # one more for a variant
        return self.most_epochs(entrants, recipe)


class Together(NamedTuple):
    """An ensemble of some models, the winner first."""

    names: list[str]
    losses: Losses
    alone: Losses
    """Losses of the winner."""

    @property
    def no_worse(self) -> bool:
        """Whether the mean is no worse than the winner; its members are chosen by AUC where lists decide."""
        return bool(self.losses.mean() <= self.alone.mean())


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
        self.entrants: dict[str, Training] = {}
        """Trainings by name, favourite first; empty before the search has chosen them."""
        self.loop: TrialLoop

    def variants(self, name: str, architecture: Architecture) -> list[Training]:
        """Return an architecture with other settings of the space, see `SearchSpace.variants`."""
        offers = self.settings.rivals and self.problem.trials.problem
        settings = self.problem.space.variants() if offers else {}
        return [Training(f"{name} ({k})", architecture, {"space": v}) for k, v in settings.items()]

    def rivals(self, listener: Listener = SILENT) -> list[Training]:
        """Return the models that take part; the listener receives the reason why one is left out."""
        if (model := self.problem.trials.model) is None:
            return []
        found = list[Training]()
        for name in self.settings.rivals:
            try:
                found.append(model(name))
            except UsageError as error:
                listener(Noted(f"{name} does not take part in the final comparison: {error} ({error.fix})"))
        return found

    def begin(self, entrants: Sequence[Training], spent: int, evidence: Sequence[Evidence] = ()) -> None:
        """Set the entrants, favourite first; of equal networks of the searched space the first one.

        Args:
            entrants: Architectures of the space, and candidates with other settings or of other spaces.
            spent: Number of epochs that the search took before.
            evidence: Evidence of the decisions of the search.

        """
        problem, forms = self.problem, list[Architecture]()
        self.entrants = {}
        for one in entrants:
            form = problem.space.canonical(one.architecture) if not one.overrides else None
            if form is None or form not in forms:
                forms += [form] if form else []
                self.entrants[one.name] = one
        self.evidence = evidence
        proposals = Proposals(
            list(self.entrants.values()),
            problem.recipe,
            max(steps(problem.trial_rows, problem.recipe.batch_size), 1),
            problem.seed,
            on_sample=problem.samples,
        )
        self.loop = TrialLoop(Halving(self.settings, proposals), spent)

    def run(self, listener: Listener) -> SearchResult:
        """Train until the best entrants are trained to their end; choose one of them, or the mean of several.

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
                return self.favourite(listener)
            self._warn(listener)
            best = self._whole(ranked)
            networks = {t.name: trained_fit(self._problem(t), trials.placed(t)).network for t in best}
        # Of each model: the candidate, its validation metrics, and its losses by row.
        models = {n: (one, r.metrics, r.losses) for n, (one, r) in loop.latest.items() if r.metrics}
        title, names, losses = best[0].name, [best[0].name], loop.latest[best[0].name][1].losses
        if len(networks) > 1:
            together = self._ensemble(self._problem(best[0]), networks)
            losses = together.alone
            average = self.problem.trials.average
            if (count := len(together.names)) > 1 and average is not None:
                mean = Ensemble([networks[name] for name in together.names])
                members = [loop.latest[name][0] for name in together.names]
                blend = average(f"blend of {count}", members)
                networks[blend.name] = mean
                models[blend.name] = blend, self._validated(mean), together.losses
                if together.no_worse:
                    title, names, losses = blend.name, together.names, together.losses
        front = list[Point]()
        for name, (one, metrics, of_one) in models.items():
            both = None if name == title or of_one is None or losses is None else (of_one, losses)
            error = None if both is None else difference(*both).error
            front.append(replace(self._point(one, metrics), error=error, chosen=name == title))
        front.sort(key=lambda point: (point.cost, point.name))
        chosen, *_ = models[title]
        epochs = tuple(loop.latest[name][1].best_epoch for name in names)
        of_space = any("name" not in loop.latest[n][0].overrides.get("space", {}) for n in names)
        return SearchResult(
            chosen.architecture,
            networks[title],
            max(epochs),
            # A mean would be trained from the start, with its finished members.
            loop.going_on or len(names) > 1 or loop.latest[title][1].state == "done",
            self.evidence if of_space else (),  # which is about the searched space
            front,
            chosen.overrides,
            epochs,
            networks,
        )

    def _problem(self, candidate: Training) -> Problem:
        """Return the problem with the settings of a candidate."""
        return self.problem.having(candidate.overrides)

    def _whole(self, ranked: Sequence[Training]) -> list[Training]:
        """Return the best training, and those that can be averaged with it, of the same inputs.

        They are trained to their end or, on a sample of the rows, for as many epochs as any. Trainings that
        the listener has ended can all be averaged as they are.
        """
        latest, inputs = self.loop.latest, self._problem(ranked[0]).space.schema
        most = max(training.epochs or 0 for training, _ in latest.values())

        def fits(name: str) -> bool:
            training, result = latest[name]
            whole = result.state == "done" or (self.problem.samples and training.epochs == most)
            whole = whole or not self.loop.going_on
            return whole and training.overrides.keys() <= {"space"}

        if self.problem.trials.average is None or not fits(ranked[0].name):
            return list(ranked[:1])
        return [
            training
            for training in ranked
            if fits(training.name) and self._problem(training).space.schema == inputs
        ]

    def _ensemble(self, problem: Problem, networks: Mapping[str, nn.Module]) -> "Together":
        """Return the members of the best ensemble, one if no mean is better.

        The winner is the first member. Next is always the model whose addition gives the best mean on
        validation rows, while that is better (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection
        from libraries of models", ICML 2004).
        """
        settings, rows = self.settings, HeldOut(problem, self.settings.rows)
        outputs = {name: rows.predict(network.eval()) for name, network in networks.items()}

        of_lists = any(task.type.of_groups for task in problem.data.tasks)

        def losses(names: Sequence[str], over_all: bool = of_lists) -> Losses:
            mean = np.mean([outputs[name] for name in names], axis=0)
            other = rows.other_view(mean) if over_all else None
            return rows.scored(mean).losses if other is None else other

        winner = members = list(networks)[:1]
        best = losses(members)
        while len(members) < min(settings.ensemble, len(networks)):
            more = {name: losses([*members, name]) for name in networks if name not in members}
            name = min(more, key=lambda name: more[name].mean())
            if more[name].mean() >= best.mean():
                break
            members, best = [*members, name], more[name]
        return Together(members, losses(members, False), losses(winner, False))

    def _validated(self, network: nn.Module) -> Metrics:
        """Return the metrics on all validation rows, as for the entrants."""
        data = self.problem.data
        return evaluate(network, data.validation, data.tasks, self.problem.compute)

    def _point(self, candidate: Training, metrics: Metrics) -> Point:
        cost = self._problem(candidate).space.cost(candidate.architecture)
        return point_of(candidate, cost, self.problem.recipe, metrics)

    def _warn(self, listener: Listener) -> None:
        """Name the entrants that an early end leaves untrained."""
        latest, done = self.loop.latest, self.loop.going_on and self.loop.latest
        trained = {name for name, (_, result) in latest.items() if result.metrics or result.error}
        if not done and (left := [name for name in self.entrants if name not in trained]):
            listener(Warned(f"the search was ended before the training of {', '.join(left)}"))

    def favourite(self, listener: Listener = SILENT) -> SearchResult:
        """Return the favourite of the search, untrained; the listener receives what is left untrained."""
        self._warn(listener)
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
                Training(name, Architecture.from_json(text), state["overrides"][name])
                for name, text in state["entrants"].items()
            ]
            self.begin(candidates, 0, evidence)
            self.loop.load_state_dict(state.get("trainings", {}))


def point_of(candidate: Training, cost: Cost, recipe: Recipe, metrics: Metrics) -> Point:
    """Return the point of a trained candidate.

    Args:
        candidate: The candidate.
        cost: The cost of its network.
        recipe: The training settings.
        metrics: Its validation metrics.

    """
    scores = {task: m.score for task, m in metrics.items()}
    return Point(
        candidate.name,
        candidate.architecture.decisions,
        shortfall(metrics),
        error=None,
        score=mean_over_tasks(scores, metrics, recipe.min_positives),
        flops_per_row=cost.flops_per_row,
        parameters=cost.parameters,
        trained=True,
        overrides=candidate.overrides,
    )


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
        self.loop = self.last_round = LastRound(problem, settings)

    @classmethod
    def epochs(cls, settings: RandomSettings, recipe: Recipe) -> int:
        """Return the maximum number of epochs of all rungs."""
        return settings.last_round(recipe, settings.candidates)

    def search(self, listener: Listener) -> SearchResult:
        """Train rung by rung until one is left. A single candidate is not trained."""
        if not self.last_round.entrants:
            self.begin(listener)
        if len(self.last_round.entrants) == 1:
            return self.last_round.favourite()
        return self.last_round.run(listener)

    def begin(self, listener: Listener) -> None:
        """Set the entrants: the random candidates, and models of other spaces."""
        drawn = [Training(f"candidate {k}", a) for k, a in enumerate(self.architectures, start=1)]
        self.last_round.begin([*drawn, *self.last_round.rivals(listener)], 0)
