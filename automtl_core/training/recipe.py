"""The recipe: everything about training that is not the model. One recipe serves every model."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr

from automtl_core.settings.component import NAMED, Component
from automtl_core.settings.domain import Search
from automtl_core.settings.settings import Settings

EMBEDDING_DECAY = 1e-2
"""Decay of embeddings where nothing better is known."""
WEIGHTED_MEAN = "weighted-mean"
"""The balancer that is taken where none is named."""
PATIENCE, PATIENCE_STEPS = 3, 240
"""Epochs and steps that a network may need for one step of what it learns, as from values that act alone to
values that act together."""


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
        """The classes of balancers that the recipe may name, besides the default, by name."""
        return self._balancers

    def knowing(self, balancer: type) -> Self:
        """Return the recipe together with the class that its balancer's name stands for."""
        recipe = self.model_copy()
        recipe._balancers = {self.balancer.name: balancer}
        return recipe

    @property
    def decay_of_embeddings(self) -> float:
        """The decay of embeddings, also where nobody has looked it up."""
        return EMBEDDING_DECAY if self.embedding_decay == "auto" else self.embedding_decay

    def cut_short(self, best_epoch: int) -> bool:
        """Return whether training from scratch that was best after `best_epoch` would have gone on.

        Fewer epochs than patience say that nobody wants to wait for it.
        """
        waited = PATIENCE if self.patience == "auto" else self.patience
        return best_epoch > self.epochs - waited > 0

    def patience_for(self, steps: int) -> int:
        """Return the epochs, each of so many steps, without a better score before training stops."""
        if self.patience != "auto":
            return self.patience
        return max(PATIENCE, -(-PATIENCE_STEPS // max(steps, 1)))
