"""The losses of tasks, with their weights. Letters: B batch, T tasks."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.training.recipe import Recipe


class TaskLosses(NamedTuple):
    """The loss and weight of each task. See `task_losses`."""

    weights: Tensor
    """Weight of each task's loss in the mean over tasks, [T]."""
    real: Tensor | None = None
    """Mask of the tasks that are regressions, [T] bool; None where there are none."""

    def of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of each task over the rows with its label, [B, T] twice -> [T].

        Binary cross-entropy on logits, or for a regression the squared error to the standardised label.
        A task without a label in the batch has loss 0, and no gradient.
        """
        sums, known = self.sums(logits, labels)
        return sums / known.clamp(min=1)

    def sums(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses of each task, and the number of rows with its label, [T] each."""
        known = ~labels.isnan()
        labels = torch.where(known, labels, 0.0).to(logits.dtype)  # before the loss, as NaN times 0 is NaN
        losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        if self.real is not None:
            losses = torch.where(self.real, (logits - labels).square(), losses)
        return (losses * known).sum(0), known.sum(0)


def task_losses(recipe: Recipe, tasks: Sequence[Task], device: torch.device) -> TaskLosses:
    """Return the losses of these tasks, with the weights of the recipe.

    Raises:
        UsageError: the recipe names a task that the dataset does not have.

    """
    names = [task.name for task in tasks]
    for setting, used in (("loss_weights", recipe.loss_weights), ("monitor", recipe.monitor)):
        for name in used:
            if name not in names:
                raise UsageError(
                    f"training.{setting} names {name!r}, which is not a task{did_you_mean(name, names)}",
                    fix=f"the tasks are: {listing(names)}",
                )
    real = [task.kind == "regression" for task in tasks]
    return TaskLosses(
        torch.tensor([recipe.loss_weights.get(name, 1.0) for name in names], device=device),
        torch.tensor(real, device=device) if any(real) else None,
    )
