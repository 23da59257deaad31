"""The last round of a search: train the best candidates and landmarks from scratch, and keep the best."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.modules.ensemble import Ensemble
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.held_out import HeldOut, Scored, difference, shortfall
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult
from automtl_core.training.events import Listener
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics, mean_over_tasks
from automtl_core.training.recipe import Recipe
from automtl_strategies.ablation import clearly_less
from automtl_strategies.halving import Halving, HalvingSettings


class LastRoundSettings(HalvingSettings):
    """Settings of the last round of a search."""

    landmarks: int = Field(1, ge=0)
    """Final comparison: number of hand-designed models of the space, such as `mmoe`, that are trained beside
    the result of the search. Those with the lowest held-out loss in the supernet are taken. One replaces the
    result if it leads by `ahead` standard errors. A larger value takes longer."""

    def last_round(self, recipe: Recipe, finalists: int = 1) -> int:
        """Return the maximum number of epochs of the round for a number of finalists."""
        return self.rungs(finalists + self.landmarks, recipe).most_epochs


def _title(members: Sequence[str]) -> str:
    """Return the name of an ensemble, or of its only member."""
    return members[0] if len(members) == 1 else f"ensemble of {len(members)}"


class LastRound:
    """The training of the candidates of a search from scratch, with the evidence of the search.

    Args:
        problem: The problem of the search.
        settings: Settings of the round.

    """

    def __init__(self, problem: Problem, settings: HalvingSettings) -> None:
        self.problem = problem
        self.settings = settings
        self.evidence: Sequence[Evidence] = ()
        self.front: Sequence[Point] = ()
        self.halving: Halving | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the search has chosen the entrants."""
        return self.halving is not None

    @property
    def alone(self) -> bool:
        """Whether there is only one entrant, and so nothing to choose."""
        return self.halving is not None and len(self.halving.entrants) == 1

    def begin(
        self,
        entrants: Mapping[str, Architecture],
        spent: int,
        evidence: Sequence[Evidence] = (),
        front: Sequence[Point] = (),
    ) -> None:
        """Set the entrants, favourite first.

        Args:
            entrants: Architectures by name.
            spent: Number of epochs that the search took before.
            evidence: Evidence of the decisions of the search.
            front: Points that the search scored by inherited weights.

        """
        self.halving = Halving(self.problem, entrants, self.settings, spent)
        self.evidence, self.front = evidence, front

    def run(self, listener: Listener) -> SearchResult:
        """Train until as many entrants are left as the ensemble has members, and choose these.

        The network of the result is fully trained, unless trials read a sample of the rows.
        """
        halving = self.halving
        assert halving is not None  # noqa: S101 - it has begun
        if self.alone and self.problem.samples:
            return self.favourite()
        networks = halving.run(listener)
        names = list(networks)
        points = {name: self._point(name, halving.entrants[name], m) for name, m in halving.metrics().items()}
        if len(networks) > 1:
            names, ensembles = self._ensemble(networks)
            points |= ensembles
        chosen = Architecture.ensemble([halving.entrants[name] for name in names])
        network = Ensemble([networks[name] for name in names]) if len(names) > 1 else networks[names[0]]
        best_epoch = max(halving.results[name].best_epoch for name in names)
        trained = [replace(point, chosen=name == _title(names)) for name, point in points.items()]
        front = sorted([*self.front, *trained], key=lambda point: (point.flops_per_row, point.name))
        return SearchResult(chosen, network, best_epoch, halving.going_on, self.evidence, front)

    def _ensemble(self, networks: Mapping[str, nn.Module]) -> tuple[list[str], dict[str, Point]]:
        """Return the names of the members of the ensemble, and the points of the ensembles on the way.

        The winner is the first member. Next is always the network whose addition gives the best mean on
        validation rows (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
        models", ICML 2004), unless the ensemble is clearly worse with it. It need not be better: on average a
        further member lowers the variance, by less than the validation rows can show.
        """
        halving, settings = self.halving, self.settings
        assert halving is not None  # noqa: S101 - it has begun
        rows = HeldOut(self.problem, settings.rows)
        outputs = {name: rows.predict(network.eval()) for name, network in networks.items()}

        def scored(names: Sequence[str]) -> Scored:
            return rows.scored(np.mean([outputs[name] for name in names], axis=0))

        members, points = list(networks)[:1], dict[str, Point]()
        while len(members) < min(settings.ensemble, len(networks)):
            more = {name: scored([*members, name]) for name in networks if name not in members}
            best = min(more, key=lambda name: more[name].losses.mean())
            if clearly_less(difference(scored(members).losses, more[best].losses), settings.ahead):
                break
            members = [*members, best]
            architecture = Architecture.ensemble([halving.entrants[name] for name in members])
            metrics = self._validated(Ensemble([networks[name] for name in members]))
            points[_title(members)] = self._point(_title(members), architecture, metrics)
        return members, points

    def _validated(self, network: nn.Module) -> Metrics:
        """Return the metrics on all validation rows, as for the entrants."""
        data, size = self.problem.data, self.problem.recipe.batch_size
        return evaluate(network, data.validation, data.tasks, size, self.problem.compute)

    def favourite(self) -> SearchResult:
        """Return the favourite of the search, untrained."""
        assert self.halving is not None  # noqa: S101 - it has begun
        first = next(iter(self.halving.entrants.values()))
        return SearchResult(first, evidence=self.evidence, front=self.front)

    def _point(self, name: str, architecture: Architecture, metrics: Metrics) -> Point:
        problem = self.problem
        cost, least = problem.space.cost(architecture), problem.recipe.min_positives
        return Point(
            name,
            architecture.decisions,
            shortfall(metrics),
            error=None,
            score=mean_over_tasks({task: m.score for task, m in metrics.items()}, metrics, least),
            flops_per_row=cost.flops_per_row,
            parameters=cost.parameters,
            trained=True,
        )

    def state_dict(self) -> State:
        """Return the entrants and the state of their trainings; empty before the round has begun."""
        if self.halving is None:
            return {}
        return {
            "entrants": {name: a.to_json() for name, a in self.halving.entrants.items()},
            "halving": self.halving.state_dict(),
            "evidence": [evidence.to_json() for evidence in self.evidence],
            "front": [point.to_json() for point in self.front],
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state`."""
        if not state:
            return
        where = "the checkpoint"
        self.begin(
            {name: Architecture.from_json(text) for name, text in state["entrants"].items()},
            spent=0,
            evidence=[Evidence.from_json(value, where) for value in state["evidence"]],
            front=[Point.from_json(value, where) for value in state["front"]],
        )
        assert self.halving is not None  # noqa: S101
        self.halving.load_state_dict(state["halving"])
