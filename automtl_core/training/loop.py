"""One pass over the data: training and evaluation. Letters: B batch, T tasks, R rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.data.batches import Batch, Rows, batches
from automtl_core.data.store import Part
from automtl_core.errors import DivergedError, UsageError
from automtl_core.text import did_you_mean, listing
from automtl_core.training.metrics import TaskMetrics, metrics_of
from automtl_core.training.optimisers import Optimiser
from automtl_core.training.recipe import Recipe

OnStep = Callable[[int, int], None]
"""Called with the steps and the rows that are through."""


@runtime_checkable
class Penalised(Protocol):
    """A network whose training minimises more than the tasks' losses. Optional."""

    def penalty(self, logits: Tensor) -> Tensor:
        """Return what is added to the loss of a batch with these logits [B, T]: a scalar."""


def task_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the binary cross-entropy of each task on logits, mean over the batch, [B, T] twice -> [T]."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none").mean(0)


def objective(model: nn.Module, batch: Batch, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a step minimises, and the loss of each task: the weighted mean of these, plus any penalty.

    Raises:
        DivergedError: it is not finite.

    """
    logits: Tensor = model(batch.ids, batch.dense)
    losses = task_losses(logits, batch.labels)
    loss = (losses * weights).mean()
    if isinstance(model, Penalised):
        loss = loss + model.penalty(logits)
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the loss became {loss.item()}: training diverged; the step was not taken",
            fix="lower training.learning_rate, or look for extreme values in dense fields",
        )
    return loss, losses.detach()


def loss_weights(recipe: Recipe, tasks: Sequence[str], device: torch.device) -> Tensor:
    """Return the weight of each task's loss, [T].

    Raises:
        UsageError: the recipe weighs a task that the dataset does not have.

    """
    for name in recipe.loss_weights:
        if name not in tasks:
            raise UsageError(
                f"training.loss_weights names {name!r}, which is no task{did_you_mean(name, tasks)}",
                fix=f"the tasks are: {listing(tasks)}",
            )
    return torch.tensor([recipe.loss_weights.get(task, 1.0) for task in tasks], device=device)


def shuffled(
    part: Part, recipe: Recipe, seed: int, epoch: int, device: torch.device, rows: Rows | None = None
) -> Iterator[Batch]:
    """Yield the batches of one epoch, of all or of some rows, in an order that follows from seed and epoch.

    A last batch of one row is left out: batch normalisation cannot train on it.
    """
    shuffle = seeds.generator(seed, "shuffle", epoch)
    order = shuffle.permutation(len(part) if rows is None else rows)
    if len(order) % recipe.batch_size == 1:
        order = order[:-1]
    return batches(part, recipe.batch_size, device, order)


def train_epoch(
    model: nn.Module,
    optimiser: Optimiser,
    data: Iterable[Batch],
    weights: Tensor,
    on_step: OnStep,
    moving: Sequence[nn.Parameter] | None = None,
) -> list[float]:
    """Take one step a batch on the weighted mean of the tasks' losses.

    Args:
        model: Trained in place.
        optimiser: Over the parameters to move.
        data: The batches of one pass.
        weights: Weight of each task's loss, [T].
        on_step: Hears of progress.
        moving: The parameters to move; all of the optimiser's where None.

    Returns:
        The mean loss of each task over the rows.

    Raises:
        DivergedError: a loss is not finite; the step was not taken.

    """
    model.train()
    total, rows = torch.zeros_like(weights), 0
    for done, batch in enumerate(data, start=1):
        loss, losses = objective(model, batch, weights)
        optimiser.step(loss, moving)
        total += losses * len(batch.labels)
        rows += len(batch.labels)
        on_step(done, rows)
    return [float(loss) for loss in total / max(rows, 1)]


@torch.no_grad()
def predict(model: nn.Module, part: Part, batch_size: int, device: torch.device) -> np.ndarray:
    """Return the logits of all rows in stored order, [R, T] float64. The model is left in evaluation mode."""
    model.eval()
    logits = [model(b.ids, b.dense).double().cpu().numpy() for b in batches(part, batch_size, device)]
    return np.concatenate(logits)


def evaluate(
    model: nn.Module, part: Part, tasks: Sequence[str], batch_size: int, device: torch.device
) -> dict[str, TaskMetrics]:
    """Return the metrics of each task on a part.

    Raises:
        DivergedError: a prediction is not finite.

    """
    logits = predict(model, part, batch_size, device)
    if not np.isfinite(logits).all():
        raise DivergedError("the model predicts values that are not finite", "lower training.learning_rate")
    return metrics_of(tasks, np.asarray(part.labels), logits)
