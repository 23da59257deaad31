"""The recipe: all training settings that do not belong to the model, common to all models."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr

from automtl_core.settings.settings import NAMED, Component, Search, Settings
from automtl_core.settings.words import Takes
from automtl_core.training.metrics import Metrics, relative_change

EMBEDDING_DECAY = 1e-2
"""Default decay of embeddings."""
WEIGHTED_MEAN = "weighted-mean"
"""The default balancer."""
EVERY = "*"
"""Key of the loss of all tasks of its kinds for which no other one is named."""


def losses_by_task(value: Any) -> Any:
    """Return the mapping of tasks to losses for a value of `Recipe.losses`, such as a name for all tasks."""
    whole = isinstance(value, str) or (isinstance(value, Mapping) and isinstance(value.get("name"), str))
    return {EVERY: value} if whole else value


def key_of_loss(task: str) -> str:
    """Return the key of the loss of a task, or of `EVERY`, in a configuration."""
    return "training.losses" if task == EVERY else f"training.losses.{task}"


class Recipe(Settings):
    """Training of models. Preset `paper` has the values of the paper."""

    removed: ClassVar = {"checkpoints": "shared", "teacher": [], "teacher_weight": 0.5}

    batch_size: int = Field(2048, ge=2)
    """Number of rows per training step."""
    epochs: int = Field(80, ge=1)
    """Maximum number of epochs of the final training, after those of a search."""
    patience: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Number of epochs without a better validation score before early stopping. auto: 3, or on small data the
    number of epochs that make up 240 steps."""
    learning_rate: Annotated[float, Search(5e-4, 8e-3, log=True)] = Field(2e-3, gt=0)
    """Learning rate of Adam."""
    weight_decay: float = Field(1e-5, ge=0)
    """Weight decay: the L2 penalty on weights, except those of batch normalisation and embeddings."""
    embedding_decay: Annotated[
        Literal["auto"] | Annotated[float, Field(ge=0)], Search(1e-5, 1e-1, log=True)
    ] = "auto"
    """L2 penalty on embedding tables. auto: the encoding search chooses it."""
    average_weights: bool = True
    """Whether to validate, keep and test the moving average of the weights over the last epoch, in place of
    the weights of the last step."""
    monitor: tuple[str, ...] = ()
    """Tasks whose validation scores stop a training, and select its epoch and hyperparameters: the mean of
    their relative changes. Empty for all tasks with at least `min_positives` validation rows of either
    class."""
    monitor_metric: str | None = None
    """Metric of `automtl list metrics` that decides in place of AUC or RMSE: it stops trainings, and selects
    epochs and hyperparameters; and in searches and comparisons too where it is a mean over lists or users,
    such as `gauc` and `ndcg-10`. null: `gauc` where the dataset has lists, see `dataset.list`. auc: AUC over
    all rows, there too. A task without the metric keeps its AUC or RMSE."""
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Task -> weight of its loss in the mean over tasks; 1 for a task that is not named."""
    losses: Annotated[
        dict[str, Annotated[Component, NAMED]],
        BeforeValidator(losses_by_task),
        Takes("a name, {name: NAME, SETTING: VALUE, ...}, or a mapping of tasks to these"),
    ] = Field(default_factory=dict)
    """Losses in place of those of the kinds of tasks: one for all tasks of its kinds, or task -> loss, with
    `*` for the other tasks; see `automtl list loss`. Losses that compare the rows of a list need lists or
    a user field; then batches hold whole lists. Tasks without a name have the loss of their kind."""
    balancer: Annotated[Component, NAMED] = Component(name=WEIGHTED_MEAN)
    """Balancer: the rule that combines the losses of all tasks; see `automtl list balancer`. The encoding
    search always uses the weighted mean."""
    min_positives: int = Field(100, ge=1)
    """Minimum number of positive and of negative rows of a binary task, or of rows of a regression. A task
    with fewer validation rows does not count for early stopping. A task with fewer test rows is marked, and
    is not part of means over tasks."""

    _balancers: dict[str, Any] = PrivateAttr(default_factory=dict)
    _loss_classes: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def balancers(self) -> dict[str, Any]:
        """Balancer classes besides the default, by name."""
        return self._balancers

    @property
    def loss_classes(self) -> Mapping[str, Any]:
        """Classes of the losses, by name."""
        return self._loss_classes

    def knowing(self, balancer: type | None = None, losses: Mapping[str, type] | None = None) -> Self:
        """Return the recipe with the objects that it names.

        Args:
            balancer: Class of its balancer; None for the default.
            losses: Class of each loss by its name.

        """
        recipe = self.model_copy()
        recipe._balancers = {} if balancer is None else {self.balancer.name: balancer}
        recipe._loss_classes = losses or {}
        return recipe

    def change(self, now: Metrics, best: Metrics) -> float:
        """Return the mean over tasks of the relative change of validation metrics; see `relative_change`."""
        return relative_change(now, best, self.min_positives, self.monitor)

    def cut_short(self, best_epoch: int) -> bool:
        """Return whether training from scratch ended before early stopping, given the best epoch.

        It is False if there are fewer epochs than patience, as in short test runs.
        """
        waited = 3 if self.patience == "auto" else self.patience
        return best_epoch > self.epochs - waited > 0

    def likely(self, steps: int) -> tuple[int, int]:
        """Return the epochs after which early stopping can end a training, and within which it often does."""
        patience = self.patience_for(steps)
        return min(patience, self.epochs), min(patience + 10, self.epochs)

    def patience_for(self, steps: int) -> int:
        """Return the epochs without a better score before training stops, for epochs of `steps` steps."""
        if self.patience != "auto":
            return self.patience
        # A network may plateau for 240 steps before it learns, say, interactions of values.
        return max(3, -(-240 // max(steps, 1)))
