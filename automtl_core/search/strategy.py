"""The contract of search strategies: a loop of its own that finds an architecture in any search space."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import nn

from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.problem import Problem
from automtl_core.settings.settings import Configured, S
from automtl_core.training.events import Listener
from automtl_core.training.recipe import Recipe

Retrain = Literal["inherit", "scratch"]
"""Whether the found network goes on from the weights of the search, or starts anew."""


@dataclass(frozen=True)
class SearchResult:
    """What a search found."""

    architecture: Architecture
    network: nn.Module | None = None
    """The derived network with the weights that the search gave it; None where it gave none."""
    epochs: int = 0
    """Passes over the training part that these weights have behind them."""
    trained: bool = False
    """Whether the network has been trained as the recipe says, so that there is nothing left to train."""
    evidence: Sequence[Evidence] = ()
    """Why each decision was made, in the order in which they were; none where a strategy does not say."""
    front: Sequence[Point] = ()
    """What else could have been taken, by rising cost: of what was scored by inherited weights those that are
    better than all that are cheaper, and what was trained."""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that the search found too, of `training` and `space`, such as `{"training": {"learning_rate":
    1e-3}}`. The training that follows has them, and each one of the run anew; a network that comes with them
    is one of these settings, and choices are the same under them."""


class SearchStrategy(ABC, Configured[S]):
    """A search algorithm. Subclasses name their settings, `SearchStrategy[MySettings]`, and define the rest.

    A strategy is made for one problem and searched once: `load_state_dict` if the search goes on from a
    stopped one, then `search`. It must draw all randomness from `automtl_core.seeds` with the problem's seed,
    anew in each epoch, so that nothing random is left to save.

    Args:
        settings: An instance of the class's `settings_class`.
        problem: What to search.

    """

    retrain: ClassVar[Retrain] = "inherit"
    """How the found network is trained where the user does not say."""

    def __init__(self, settings: S, problem: Problem) -> None:
        self.settings = settings
        self.problem = problem

    @classmethod
    def epochs(cls, settings: S, recipe: Recipe) -> int | None:
        """Return how many passes over the training part a search takes at most; None where nobody can say.

        The epochs of the recipe are for the network that is found, and come on top.
        """
        return None

    @abstractmethod
    def search(self, listener: Listener) -> SearchResult:
        """Run the algorithm to its end, from the loaded state if there is one.

        Calls `listener.step` after each step and `listener.epoch` at the end of each epoch, when `state_dict`
        is complete. Where either returns False the search ends: it decides with what it knows by then.
        """

    @abstractmethod
    def state_dict(self) -> State:
        """Return tensors and JSON values on which the rest of the search depends."""

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Go on from a state that an equal strategy, made for an equal problem, returned."""
