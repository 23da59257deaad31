"""Strategies that are known to be bad. A benchmark on which one of them does well measures nothing."""

from collections.abc import Sequence

from automtl_core.choices import draw
from automtl_core.search.scheduler import TrialLoop
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.trial import Problem
from automtl_core.settings.settings import Settings
from automtl_core.system import seeds
from automtl_core.system.state import State
from automtl_core.training.events import Listener
from automtl_strategies.halving import Halving
from automtl_strategies.last_round import RandomSearch
from automtl_strategies.paths import Paths, PathSettings


class _Stateless:
    """For strategies that are never stopped."""

    def state_dict(self) -> State:
        """Nothing to save."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to load."""


class AtChance(_Stateless, SearchStrategy[Settings]):
    """Takes the first architecture that it draws."""

    def search(self, listener: Listener) -> SearchResult:
        """Draw."""
        random = seeds.generator(self.problem.seed, "at chance")
        return SearchResult(draw(self.problem.space.choices(), random, 0.8))


class Cheapest(_Stateless, SearchStrategy[Settings]):
    """Takes the cheapest of some architectures, whatever they are worth."""

    def search(self, listener: Listener) -> SearchResult:
        """Draw and compare costs."""
        space, random = self.problem.space, seeds.generator(self.problem.seed, "cheapest")
        drawn = [draw(space.choices(), random, 0.8) for _ in range(8)]
        return SearchResult(min(drawn, key=lambda a: space.cost(a).flops_per_row))


class Backwards(RandomSearch):
    """Random search with a wrong sign: keeps the worse."""

    def search(self, listener: Listener) -> SearchResult:
        """Search with the ranking turned round."""
        self.begin(listener)
        proposals = self.last_round.loop.scheduler.proposals
        self.last_round.loop = TrialLoop(_Upside(self.settings, proposals))
        return SearchResult(self.last_round.run(listener).architecture)


class _Upside(Halving):
    def _ranked(self, names: Sequence[str]) -> list[str]:
        return super()._ranked(names)[::-1]


class WorstInherited(_Stateless, SearchStrategy[PathSettings]):
    """Trains a supernet, and takes what its weights predict worst with, of some architectures."""

    def __init__(self, settings: PathSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.paths = Paths(problem, settings)

    def search(self, listener: Listener) -> SearchResult:
        """Train, draw, score."""
        self.paths.train("supernet", listener)
        random = seeds.generator(self.problem.seed, "worst")
        drawn = [draw(self.problem.space.choices(), random, 0.8) for _ in range(20)]
        return SearchResult(max(drawn, key=lambda a: float(self.paths.score(a).losses.mean())))
