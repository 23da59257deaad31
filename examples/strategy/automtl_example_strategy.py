"""A search along single paths, drawn by Gumbel noise (Dong and Yang, CVPR 2019)."""

from pydantic import Field
from torch import Tensor

from automtl_core.plugin import (
    Listener,
    Problem,
    Recipe,
    Relaxation,
    RelaxedSearch,
    SearchResult,
    SearchStrategy,
    Settings,
    State,
    Weighed,
    hookimpl,
)


class Gumbel(Relaxation):
    """Weights of options while a choice is open: one option a step, drawn by its probability."""

    def one_of(self, logits: Tensor, training: bool) -> Weighed:
        """Return the option that is computed, and its weight: 1, with the gradient of its probability."""
        noise = -(-self.uniform(logits).log()).log() if training else 0.0
        p = (logits + noise).softmax(0)
        k = int(p.argmax())
        return Weighed([k], 1 + p[[k]] - p[[k]].detach())

    def any_of(self, logits: Tensor, training: bool) -> Tensor:
        """Return 1 for options that are open, 0 for the others, with the gradients of their probabilities."""
        p = logits.sigmoid()
        drawn = self.uniform(p) < p if training else self.opened(logits)
        return drawn.to(p.dtype) + p - p.detach()


class SinglePathSettings(Settings):
    """Settings of the search."""

    epochs: int = Field(3, ge=1)
    """Epochs that train the supernet."""


class SinglePath(SearchStrategy[SinglePathSettings]):
    """A supernet whose weights and architecture logits move together; the highest logits are chosen."""

    def __init__(self, settings: SinglePathSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Gumbel())

    @classmethod
    def epochs(cls, settings: SinglePathSettings, recipe: Recipe) -> int:
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


@hookimpl
def automtl_register_strategies() -> dict[str, type[SinglePath]]:
    """Register the strategy by its name."""
    return {"example-strategy": SinglePath}
