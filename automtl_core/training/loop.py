"""One pass over the data: training and evaluation. Letters: B batch, T tasks, R rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.data.batches import Batch, Rows, batches, shuffled_rows
from automtl_core.data.store import Part
from automtl_core.errors import DivergedError
from automtl_core.network import Penalised
from automtl_core.schema import Task
from automtl_core.training.losses import TaskLosses
from automtl_core.training.metrics import TaskMetrics, metrics_of
from automtl_core.training.optimisers import Optimiser
from automtl_core.training.recipe import Recipe

OnStep = Callable[[int, int], None]
"""Called with the steps and the rows that are through."""


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
