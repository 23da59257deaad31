"""One pass over the data: training and evaluation. Letters: B batch, T tasks, R rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.data.batches import Batch, Rows, batches, shuffled_rows
from automtl_core.data.store import Part
from automtl_core.errors import DivergedError, UsageError
from automtl_core.schema import Task
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


class TaskLosses(NamedTuple):
    """The loss of each task, and what it counts. See `task_losses`."""

    weights: Tensor
    """Of each task's loss in the mean over tasks, [T]."""
    real: Tensor | None = None
    """Which tasks are regressions, [T] bool; None where none is."""

    def of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of each task over the rows that have its label, [B, T] twice -> [T].

        Binary cross-entropy on logits, or for a regression the squared error against the standardised label.
        A task of which no row has the label has the loss 0, and no gradient.
        """
        known = ~labels.isnan()
        labels = torch.where(known, labels, 0.0).to(logits.dtype)  # before the loss: NaN times 0 is NaN
        losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        if self.real is not None:
            losses = torch.where(self.real, (logits - labels).square(), losses)
        return (losses * known).sum(0) / known.sum(0).clamp(min=1)


def task_losses(recipe: Recipe, tasks: Sequence[Task], device: torch.device) -> TaskLosses:
    """Return the losses of these tasks, weighted as the recipe says.

    Raises:
        UsageError: the recipe weighs a task that the dataset does not have.

    """
    names = [task.name for task in tasks]
    for name in recipe.loss_weights:
        if name not in names:
            raise UsageError(
                f"training.loss_weights names {name!r}, which is no task{did_you_mean(name, names)}",
                fix=f"the tasks are: {listing(names)}",
            )
    real = [task.kind == "regression" for task in tasks]
    return TaskLosses(
        torch.tensor([recipe.loss_weights.get(name, 1.0) for name in names], device=device),
        torch.tensor(real, device=device) if any(real) else None,
    )


def objective(model: nn.Module, batch: Batch, losses: TaskLosses) -> tuple[Tensor, Tensor]:
    """Return what a step minimises, and the loss of each task: the weighted mean of these, plus any penalty.

    Raises:
        DivergedError: it is not finite.

    """
    logits: Tensor = model(batch.ids, batch.dense)
    by_task = losses.of(logits, batch.labels)
    loss = (by_task * losses.weights).mean()
    if isinstance(model, Penalised):
        loss = loss + model.penalty(logits)
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the loss became {loss.item()}: training diverged; the step was not taken",
            fix="lower training.learning_rate, or look for extreme values in dense fields and real labels",
        )
    return loss, by_task.detach()


def shuffled(
    part: Part, recipe: Recipe, seed: int, epoch: int, device: torch.device, rows: Rows | None = None
) -> Iterator[Batch]:
    """Yield the batches of one epoch, of all or of some rows, in an order that follows from seed and epoch.

    A last batch of one row is left out: batch normalisation cannot train on it.
    """
    count, size = len(part if rows is None else rows), recipe.batch_size
    places = shuffled_rows(count, seeds.generator(seed, "shuffle", epoch))
    found = batches(part, size, device, places if rows is None else (rows[run] for run in places))
    return islice(found, count // size) if count % size == 1 else found


def train_epoch(
    model: nn.Module,
    optimiser: Optimiser,
    data: Iterable[Batch],
    losses: TaskLosses,
    on_step: OnStep,
    moving: Sequence[nn.Parameter] | None = None,
) -> list[float | None]:
    """Take one step a batch on the weighted mean of the tasks' losses.

    Args:
        model: Trained in place.
        optimiser: Over the parameters to move.
        data: The batches of one pass.
        losses: Of the tasks.
        on_step: Hears of progress.
        moving: The parameters to move; all of the optimiser's where None.

    Returns:
        The mean loss of each task over the rows that have its label; None where no row has.

    Raises:
        DivergedError: a loss is not finite; the step was not taken.

    """
    model.train()
    total, rows = torch.zeros_like(losses.weights), 0
    known = torch.zeros_like(losses.weights, dtype=torch.long)
    for done, batch in enumerate(data, start=1):
        loss, by_task = objective(model, batch, losses)
        optimiser.step(loss, moving)
        labelled = (~batch.labels.isnan()).sum(0)
        total += by_task * labelled
        known += labelled
        rows += len(batch.labels)
        on_step(done, rows)
    means = zip(total.tolist(), known.tolist(), strict=True)
    return [loss / count if count else None for loss, count in means]


@torch.no_grad()
def predict(model: nn.Module, part: Part, batch_size: int, device: torch.device) -> np.ndarray:
    """Return what the model says of all rows in stored order, [R, T] float64: logits, or standardised labels.

    The model is left in evaluation mode.
    """
    model.eval()
    said = [model(b.ids, b.dense).double().cpu().numpy() for b in batches(part, batch_size, device)]
    return np.concatenate(said)


def evaluate(
    model: nn.Module, part: Part, tasks: Sequence[Task], batch_size: int, device: torch.device
) -> dict[str, TaskMetrics]:
    """Return the metrics of each task on a part.

    Raises:
        DivergedError: a prediction is not finite.

    """
    predictions = predict(model, part, batch_size, device)
    if not np.isfinite(predictions).all():
        raise DivergedError("the model predicts values that are not finite", "lower training.learning_rate")
    return metrics_of(tasks, np.asarray(part.labels), predictions)
