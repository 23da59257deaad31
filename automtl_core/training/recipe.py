"""The recipe: all training settings that do not belong to the model, common to all models."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr

from automtl_core.settings.component import NAMED, Component
from automtl_core.settings.domain import Search
from automtl_core.settings.settings import Settings

EMBEDDING_DECAY = 1e-2
"""Default decay of embeddings."""
WEIGHTED_MEAN = "weighted-mean"
"""The default balancer."""
PATIENCE, PATIENCE_STEPS = 3, 240
"""Epochs and steps without improvement that `auto` waits for: a network may plateau for so long before it
learns, say, interactions of values."""


class Recipe(Settings):
    """How models are trained. Preset `paper` has the paper's values, docs/results.md why these differ."""

    batch_size: int = Field(2048, ge=2)
    """Rows of a step."""
    epochs: int = Field(80, ge=1)
    """Passes of the trained network over the training part at most; those of a search come before them."""
    patience: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Epochs without a better validation score before training stops; with `auto` 3, and on small data as
    many as have 240 steps."""
    learning_rate: Annotated[float, Search(5e-4, 8e-3, log=True)] = Field(2e-3, gt=0)
    """Step size of Adam."""
    weight_decay: float = Field(1e-5, ge=0)
    """L2 on weights; never on batch normalisation."""
    embedding_decay: Annotated[
        Literal["auto"] | Annotated[float, Field(ge=0)], Search(choices=(1e-4, 1e-3, EMBEDDING_DECAY, 1e-1))
    ] = "auto"
    """L2 on embedding tables; with `auto` it is looked up with the encodings of fields."""
    average_weights: bool = True
    """Whether the moving average of the weights over the last epoch is validated, kept and tested, or the
    weights of the last step."""
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Weight of a task's loss in the mean over tasks; 1 where a task is not named."""
    balancer: Annotated[Component, NAMED] = Component(name=WEIGHTED_MEAN)
    """How the gradients of tasks' losses are combined; see `automtl settings balancer`. Feature encodings are
    chosen with the weighted mean."""
    min_positives: int = Field(100, ge=1)
    """Tasks with fewer positive (or negative) validation rows do not decide when to stop, nor do regressions
    with fewer rows; with fewer such test rows they are marked, and are not in a mean over tasks."""

    _balancers: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def balancers(self) -> dict[str, Any]:
        """Balancer classes besides the default, by name."""
        return self._balancers

    def knowing(self, balancer: type) -> Self:
        """Return the recipe with the class of its balancer."""
        recipe = self.model_copy()
        recipe._balancers = {self.balancer.name: balancer}
        return recipe

    @property
    def decay_of_embeddings(self) -> float:
        """The decay of embeddings; the default while it is `auto`."""
        return EMBEDDING_DECAY if self.embedding_decay == "auto" else self.embedding_decay

    def cut_short(self, best_epoch: int) -> bool:
        """Return whether training from scratch ended before early stopping, given the best epoch.

        It is False if there are fewer epochs than patience, as in short test runs.
        """
        waited = PATIENCE if self.patience == "auto" else self.patience
        return best_epoch > self.epochs - waited > 0

    def patience_for(self, steps: int) -> int:
        """Return the epochs without a better score before training stops, for epochs of `steps` steps."""
        if self.patience != "auto":
            return self.patience
        return max(PATIENCE, -(-PATIENCE_STEPS // max(steps, 1)))
