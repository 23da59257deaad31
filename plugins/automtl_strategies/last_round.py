"""The last round of a search: train the best candidates and landmarks from scratch, and keep the best."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.held_out import shortfall
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult
from automtl_core.training.events import Listener
from automtl_core.training.metrics import Metrics, mean_over_tasks
from automtl_core.training.recipe import Recipe
from automtl_strategies.halving import Halving, HalvingSettings


class LastRoundSettings(HalvingSettings):
    """Settings of the last round of a search."""

    landmarks: int = Field(2, ge=0)
    """Final comparison: number of hand-designed models of the space, such as `mmoe`, that are trained beside
    the result of the search. Those with the lowest held-out loss in the supernet are taken. Each is trained
    twice: unchanged, and without the fields, experts and layers that the search removed. One replaces the
    result if it leads by `ahead` standard errors. A larger value takes longer."""

    def last_round(self, recipe: Recipe, finalists: int = 1) -> int:
        """Return the maximum number of epochs of the round for a number of finalists."""
        return self.rungs(finalists + 2 * self.landmarks, recipe).most_epochs


def entrants(
    searched: Architecture, landmarks: Mapping[str, Architecture], count: int
) -> dict[str, Architecture]:
    """Return the landmarks of the last round: the first ones, with the same options closed and unchanged."""
    few = dict(list(landmarks.items())[:count])
    return {f"{name}, closed": _closed_as(searched, landmark) for name, landmark in few.items()} | few


def _closed_as(searched: Architecture, landmark: Architecture) -> Architecture:
    """Return a landmark without the options that another architecture closes."""
    return Architecture(
        {
            name: d if isinstance(d, str) else tuple(o for o in d if o in searched.decisions[name])
            for name, d in landmark.decisions.items()
        }
    )


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
        """Whether there is only one entrant."""
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
        """Train until one entrant is left; the network of the result is fully trained."""
        halving = self.halving
        assert halving is not None  # noqa: S101 - it has begun
        name, fit = halving.run(listener)
        trained = [self._point(n, metrics, chosen=n == name) for n, metrics in halving.metrics().items()]
        points = sorted([*self.front, *trained], key=lambda point: (point.flops_per_row, point.name))
        return SearchResult(
            halving.entrants[name], fit.network, fit.best_epoch, halving.going_on, self.evidence, points
        )

    def favourite(self) -> SearchResult:
        """Return the favourite of the search, untrained."""
        assert self.halving is not None  # noqa: S101 - it has begun
        first = next(iter(self.halving.entrants.values()))
        return SearchResult(first, evidence=self.evidence, front=self.front)

    def _point(self, name: str, metrics: Metrics, chosen: bool) -> Point:
        assert self.halving is not None  # noqa: S101
        architecture, problem = self.halving.entrants[name], self.problem
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
            chosen=chosen,
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
