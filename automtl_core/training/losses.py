"""The losses of tasks, with their weights. Letters: B batch, T tasks."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import distinct, task_kind
from automtl_core.training.batches import Batch
from automtl_core.training.recipe import Recipe


class TaskLosses(NamedTuple):
    """The loss and weight of each task. See `task_losses`."""

    weights: Tensor
    """Weight of each task's loss in the mean over tasks, [T]."""
    kinds: Sequence[tuple[TaskKind, Tensor | None]] = ((task_kind("binary"), None),)
    """Each kind of the tasks, with the mask of its tasks, [T] bool; None for all."""

    def sums(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the sum of the terms of each task's loss, and the number of terms, [T] each.

        The mean loss of a task is their ratio, see `TaskKind.loss`. A task without a label in the batch has
        loss 0, and no gradient.

        Args:
            logits: Output of the network for the batch, [B, T].
            batch: B examples.

        """
        known = ~batch.labels.isnan()
        labels = torch.where(known, batch.labels, 0.0).to(logits.dtype)  # first, as NaN times 0 is NaN
        parts = []
        for kind, mine in self.kinds:
            own = (logits, labels, known)
            if mine is not None:  # the loss of the other tasks as this kind may not be finite
                own = (torch.where(mine, logits, 0.0), torch.where(mine, labels, 0.0), known & mine)
            parts.append(kind.loss(*own, batch.groups() if kind.grouped else None))
        return reduce(torch.add, [sums for sums, _ in parts]), reduce(torch.add, [n for _, n in parts])


def check_groups(tasks: Sequence[Task], user: str | None) -> None:
    """Check that the data has the user field that losses of groups need.

    Args:
        tasks: Tasks of the data.
        user: Its user field.

    Raises:
        UsageError: a task needs a user field, and there is none.

    """
    for task in tasks:
        if task.type.grouped and user is None:
            raise UsageError(
                f"the loss of {task.name!r}, a task of kind {task.kind}, compares the rows of a user, and "
                "the dataset has no user field",
                "for your own table, name the field: --set dataset.user=FIELD; otherwise use another kind",
            )


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
    kinds = distinct(task.kind for task in tasks)
    masks = [torch.tensor([task.kind == kind.name for task in tasks], device=device) for kind in kinds]
    return TaskLosses(
        torch.tensor([recipe.loss_weights.get(name, 1.0) for name in names], device=device),
        tuple(zip(kinds, masks if len(kinds) > 1 else [None], strict=True)),
    )
