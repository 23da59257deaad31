"""No search: the architecture is given.

Trains a hand-designed model, whose space asks no question, or a found architecture anew.
"""

from typing import ClassVar

from pydantic import Field

from automtl_core.choices import Architecture, Decision
from automtl_core.disk.state import State
from automtl_core.settings import Settings
from automtl_core.strategy import Retrain, SearchResult, SearchStrategy
from automtl_core.training.listener import Listener


class GivenSettings(Settings):
    """Settings of `given`."""

    decisions: dict[str, Decision] = Field(default_factory=dict)
    """The answer to each question of the space; none where it asks none."""


class Given(SearchStrategy[GivenSettings]):
    """Takes the architecture that it is given; trains hand-designed models."""

    retrain: ClassVar[Retrain] = "scratch"

    @classmethod
    def epochs(cls, settings: GivenSettings) -> int:
        """Return none."""
        return 0

    def search(self, listener: Listener) -> SearchResult:
        """Return the given decisions."""
        architecture = Architecture(self.settings.decisions)
        architecture.check(self.problem.space.choices())
        return SearchResult(architecture)

    def state_dict(self) -> State:
        """Return nothing: there is no search to go on with."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take nothing."""
