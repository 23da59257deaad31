"""A search that trains weights and architecture logits together."""

from automtl_core.plugin import (
    Listener,
    Problem,
    Recipe,
    RelaxedSearch,
    SearchResult,
    SearchStrategy,
    Settings,
    Softmax,
    State,
)
from pydantic import Field


class JointSearchSettings(Settings):
    """Settings of the search."""

    epochs: int = Field(3, ge=1)
    """Epochs that train the supernet."""


class JointSearch(SearchStrategy[JointSearchSettings]):
    """A supernet whose weights and architecture logits move together; the highest logits are chosen."""

    def __init__(self, settings: JointSearchSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Softmax())

    @classmethod
    def epochs(cls, settings: JointSearchSettings, recipe: Recipe) -> int:
        """Return the number of epochs, for `--dry-run` and the remaining time."""
        return settings.epochs

    def search(self, listener: Listener) -> SearchResult:
        """Train until the last epoch, or until the listener returns False, and decide."""
        relaxed = self.relaxed
        while relaxed.epoch < self.settings.epochs and relaxed.going_on:
            epoch = relaxed.begin("search", listener)
            for batch in epoch:
                epoch.add(relaxed.step(batch), batch)
            relaxed.end(epoch, listener)
        return relaxed.result()

    def state_dict(self) -> State:
        """Return the state after an epoch, from which an interrupted search continues."""
        return self.relaxed.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Continue from such a state."""
        self.relaxed.load_state_dict(state)
