"""What models learn from, and models with an algorithm of their own that takes all rows at once, as trees."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError

GoingOn: TypeAlias = Callable[[float, float], bool]
"""Called with the finished share of all work, and with the share at which the current part ends; returns
whether to continue this part. After False, the next part still gets a first attempt."""


@dataclass(frozen=True)
class TrainingData:
    """The training and validation parts of a dataset, never the test part."""

    train: Part
    validation: Part
    tasks: Sequence[Task]
    """Tasks in the order of the columns of labels."""
    held_out: Part | None = None
    """Rows for the decisions of a search; None without. See `SearchStrategy.held_out_share`. No weight is
    trained on them, and no training is stopped by them."""
    recent: NDArray[np.int64] | None = None
    """For an update: the training rows of networks that go on from their weights. A `Learner` is trained anew
    on all rows."""
    passes: int = 1
    """For an update: largest number of epochs over these rows."""


class Learner(nn.Module, ABC):
    """A model with another training algorithm, such as trees; called like a network, but not differentiable.

    Its state dict holds the trained model, whose shapes may change. Predictions before it are arbitrary.
    """

    @abstractmethod
    def learn(self, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Train on the training part, with early stopping or selection by the validation part.

        Args:
            data: Training and validation part; labels may be missing, and a task may have none.
            seed: Seed of all random draws.
            going_on: Called regularly; False ends the current part.

        """

    refits: ClassVar[bool] = False
    """Whether the model defines `refit`."""
    no_flops: ClassVar[bool] = False
    """Whether matrix products are not its cost, as for trees, so that its FLOPs are unknown."""

    def refit(self, chosen: nn.Module, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Train on all training rows, with what validation rows chose for another model of this class.

        Args:
            chosen: The trained model of this class, such as trees, whose number is kept.
            data: Training rows; there are no validation rows.
            seed: Seed of all random draws.
            going_on: Called regularly; after False the result is discarded.

        """
        raise NotImplementedError

    def traceable(self) -> nn.Module:
        """Return a network for exports, which predicts as this model by operations of torch alone.

        Raises:
            UsageError: there is none; by default.

        """
        raise UsageError(
            f"{type(self).__name__} is not a network, and has no graph to export",
            "predict by `automtl predict RUN`, or export the run of a network",
        )
