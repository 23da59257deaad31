"""Random search with successive halving, the baseline that a search strategy has to beat.

Architectures are drawn at random, trained from scratch, and the best on validation is kept (Li and Talwalkar,
"Random Search and Reproducibility for Neural Architecture Search", UAI 2019); see `halving` for the rest.
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
    """Architectures to draw and train. Of one there is nothing to compare, and nothing is trained."""
    share: float = Field(0.8, ge=0, le=1)
    """Chance of each option of a choose-any to be open; with .5 all architectures are equally likely."""
    ahead: float = Field(0.0, ge=0)
    """Standard errors by which one must predict held-out rows better to go on in place of one before it; with
    0 the better validation score decides."""
    landmarks: int = Field(0, ge=0)
    """Known points of the space, such as `mmoe`, that are trained beside them, in the order of the space."""


class RandomSearch(SearchStrategy[RandomSettings]):
    """Trains architectures drawn at random, and takes the best (Li and Talwalkar, UAI 2019)."""

    def __init__(self, settings: RandomSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        choices = problem.space.choices()
        # Each candidate has a seed of its own, and so does not depend on how many there are.
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
        """Return the epochs of all rungs at most, those of a start included."""
        return settings.rungs(settings.candidates + settings.landmarks + 1, recipe).most_epochs

    def search(self, listener: Listener) -> SearchResult:
        """Train rung by rung until one is left; nothing where there is nothing to compare."""
        if self.last_round.alone:
            return self.last_round.favourite()
        return self.last_round.run(listener)

    def state_dict(self) -> State:
        """Return the training of those that may still win, and who is next."""
        return self.last_round.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when searched next."""
        self.last_round.load_state_dict(state)
