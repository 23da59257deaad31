"""Losses: what a network minimises for the labels of a task.

Letters: B batch, T tasks.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from automtl_core.settings.settings import Configured, S

if TYPE_CHECKING:
    from torch import Tensor


class Terms:
    """What a network minimises for the labels of a task: a loss, or a kind of task.

    Subclasses define `row_losses` or `sums`.
    """

    grouped: bool = False
    """Whether the loss compares the rows of a list, or of a user in data without lists."""

    def sums(
        self, logits: "Tensor", labels: "Tensor", weights: "Tensor", groups: "Tensor | None"
    ) -> "tuple[Tensor, Tensor]":
        """Return the sum of the terms of the loss, and the number of terms, [T] each.

        The loss of a batch is the ratio of both sums. A term counts as often as the
        weights of its rows say: a row of weight 2 is two rows, and a row of weight 0 is none. By default,
        each row is a term, see `row_losses`. A task without a term has sum 0, gradient 0 and number 0.

        Args:
            logits: Outputs of the network, [B, T], in single or double precision, as the sums.
            labels: [B, T], 0 where missing.
            weights: Weights of the rows, [B, T], 0 where the label is missing.
            groups: Number of the list or user of each row, 0 for none, [B]; None unless the loss is
                `grouped`.

        """
        return (self.row_losses(logits, labels) * weights).sum(0), weights.sum(0)

    def row_losses(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        """Return the loss of each row, [B, T] twice -> [B, T]."""
        raise NotImplementedError(f"{type(self).__name__} defines neither `sums` nor `row_losses`")


class Loss(Terms, Configured[S]):
    """A loss, in place of that of a kind of task. Subclasses declare their settings by `Loss[MySettings]`.

    A loss has no parameters and no state but its settings.

    Args:
        settings: An instance of the class's `settings_class`.

    """

    kinds: Sequence[str]
    """Names of the kinds of tasks whose labels it learns."""

    def __init__(self, settings: S) -> None:
        self.settings = settings
