"""Random search with successive halving, the baseline of all search strategies.

Random architectures are trained from scratch, and the best one on validation rows is kept (Li and Talwalkar,
"Random Search and Reproducibility for Neural Architecture Search", UAI 2019). `halving` drops the worse ones
early.
"""

from pydantic import Field

from automtl_core import seeds
from automtl_core.choices import Architecture, draw
from automtl_core.disk.state import State
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.training.events import Listener
from automtl_core.training.recipe import Recipe
from automtl_strategies.last_round import LastRound, LastRoundSettings
from automtl_strategies.paths import START, probes


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
    landmarks: int = Field(0, ge=0)
    """Number of landmarks (known architectures of the space, such as `mmoe`) that are trained beside the
    random ones, in the order of the space."""


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
        self.last_round.begin(self._entrants(), spent=0)

    def _entrants(self) -> dict[str, Architecture]:
        drawn = {f"candidate {k}": a for k, a in enumerate(self.architectures, start=1)}
        known = list(self.problem.space.landmarks().items())[: self.settings.landmarks]
        start = {name: a for name, a in probes(self.problem).items() if name == START}
        return {**start, **drawn, **dict(known)}

    @classmethod
    def epochs(cls, settings: RandomSettings, recipe: Recipe) -> int:
        """Return the maximum number of epochs of all rungs, including those of a warm start."""
        return settings.last_round(recipe, settings.candidates + 1)

    def search(self, listener: Listener) -> SearchResult:
        """Train rung by rung until one is left. A single candidate is not trained."""
        if len(self.last_round.entrants) == 1:
            return self.last_round.favourite()
        return self.last_round.run(listener)

    def state_dict(self) -> State:
        """Return the trainings of the remaining candidates and the next ones."""
        return self.last_round.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        self.last_round.load_state_dict(state)
