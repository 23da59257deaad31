"""One pass over the data: training steps, and evaluation. Letters: B batch, T tasks, R rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from functools import partial
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Task
from automtl_core.errors import DivergedError
from automtl_core.modules.batch_ensemble import keep_lists
from automtl_core.modules.network import Penalised
from automtl_core.system import seeds
from automtl_core.training.balancer import Balancer, TaskLosses
from automtl_core.training.batches import Batch, Rows, batches, read, shuffled_rows
from automtl_core.training.compute import Compute
from automtl_core.training.events import Listener, StepEnded
from automtl_core.training.lists import list_batches
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import NONE, TaskMetrics, metrics_of
from automtl_core.training.optimisers import Optimiser
from automtl_core.training.recipe import Recipe

Item = TypeVar("Item")

UNTRAINED = 1 << 12
"""Rows of a batch where nothing is trained: no activations are kept, and small batches take longer."""


class StepLosses(NamedTuple):
    """The losses of tasks in a step, without their weights, for reports."""

    by_task: Tensor
    """Mean loss of each task on the batch, [T]."""
    terms: Tensor
    """Number of the terms of each task's loss, by their weights, [T]."""


class Objective(NamedTuple):
    """The objective of a step, in parts."""

    losses: Tensor
    """Loss of each task, times its weight, [T]."""
    penalty: Tensor
    """Penalty of the network, a scalar."""
    by_task: Tensor
    """Loss of each task without its weight, for reports, [T]."""
    terms: Tensor
    """Number of the terms of each task's loss, by their weights, [T]."""

    @property
    def loss(self) -> Tensor:
        """The weighted mean of the losses, plus the penalty."""
        return self.losses.mean() + self.penalty


def objective(network: nn.Module, batch: Batch, losses: TaskLosses, compute: Compute) -> Objective:
    """Return the losses of tasks on a batch, and the penalty of the network.

    Raises:
        DivergedError: the loss is not finite; on devices where reading blocks, `Pass` checks it at intervals.

    """
    if losses.grouped:  # rows of a list are compared by their logits, which have to be of one member
        keep_lists(network, batch.groups())
    logits = compute.logits(network, batch)
    sums, terms = losses.sums(logits, batch)
    penalty = network.penalty(logits) if isinstance(network, Penalised) else sums.new_zeros(())
    by_task = sums / torch.where(terms > 0, terms, 1.0)
    parts = Objective(by_task * losses.weights, penalty, by_task.detach(), terms)
    if compute.looks_are_free:
        check_finite(parts.loss)
    return parts


def check_finite(loss: Tensor) -> None:
    """Check one or several losses.

    Raises:
        DivergedError: a loss is not finite.

    """
    if not torch.isfinite(loss).all():
        raise DivergedError(
            f"the loss became {loss.tolist()}: training diverged, and its weights are discarded",
            fix="lower training.learning_rate, or look for extreme values in dense fields and real labels",
        )


def step(
    network: nn.Module,
    batch: Batch,
    losses: TaskLosses,
    balancer: Balancer,
    optimiser: Optimiser,
    compute: Compute,
    moving: Sequence[nn.Parameter] | None = None,
) -> StepLosses:
    """Take one training step on a batch, and return the loss of each task.

    Args:
        network: In training mode.
        batch: B examples.
        losses: Losses of the tasks.
        balancer: Computes the gradients.
        optimiser: Optimiser of the network and the balancer.
        compute: Device and precision.
        moving: Parameters to train besides those of the balancer; None for all of the optimiser's.

    Raises:
        DivergedError: the loss is not finite; the step is not taken.

    """
    moving = None if moving is None else [*moving, *balancer.parameters()]
    parts = objective(network, batch, losses, compute)
    optimiser.step(partial(balancer.backward, parts.losses, parts.penalty), moving)
    with torch.no_grad():
        balancer.after_step(lambda: objective(network, batch, losses, compute).losses)
    return StepLosses(parts.by_task, parts.terms)


@dataclass(eq=False)
class Pass(Generic[Item]):
    """A pass over training rows in a custom loop: iterate over it, and add the losses of each step.

        epoch = Pass("train", number, batches, count, losses, listener)
        for batch in epoch:
            epoch.add(step(network, batch, losses, balancer, optimiser, compute), batch)

    It ends early where the listener returns False, after one step at least.
    """

    phase: str
    """Name in reports, such as `search`."""
    number: int
    """Number of the epoch."""
    data: Iterable[Item]
    """Batches, or pairs of batches; one for each step."""
    steps: int
    """Number of steps."""
    objective: InitVar[TaskLosses]
    """Losses of the tasks."""
    listener: Listener
    """Receives each step, and may end the pass."""
    after: Callable[[], None] = lambda: None
    """Called at the end, before the network is evaluated; see `Optimiser.settle`."""
    going_on: bool = field(default=True, init=False)
    """Whether the listener lets the loop continue."""
    rows: int = field(default=0, init=False)

    def __post_init__(self, objective: TaskLosses) -> None:
        self._total = torch.zeros_like(objective.weights)
        self._terms = torch.zeros_like(objective.weights, dtype=torch.float64)  # exact beyond 2**24 rows

    def __iter__(self) -> Iterator[Item]:
        for done, item in enumerate(self.data, start=1):
            yield item
            if done % 100 == 0:  # reading the loss blocks on some devices
                check_finite(self._total)
            self.going_on = self.listener(StepEnded(self.phase, self.number, self.steps, done, self.rows))
            if not self.going_on:
                break
        check_finite(self._total)
        self.after()

    def add(self, step: StepLosses, batch: Batch) -> None:
        """Add the losses of a step to the means."""
        self._total += step.by_task * step.terms
        self._terms += step.terms
        self.rows += len(batch.labels)

    def losses(self, tasks: Sequence[Task]) -> dict[str, float | None]:
        """Return the mean of the terms of each task's loss; None where there is no term."""
        sums = zip(tasks, self._total.tolist(), self._terms.tolist(), strict=True)
        return {task.name: loss / count if count else None for task, loss, count in sums}


def shuffled(
    part: Part,
    recipe: Recipe,
    seed: int,
    epoch: int,
    compute: Compute,
    rows: Rows | None = None,
    grouped: bool = False,
) -> Iterator[Batch]:
    """Yield the batches of one epoch, of all or some rows, in an order determined by seed and epoch.

    A batch of one row is left out, since batch normalisation cannot train on it.

    Args:
        part: All rows.
        recipe: Has the size of a batch.
        seed: Seed of the run.
        epoch: Number of the epoch.
        compute: Device.
        rows: Indices of the rows; None for all.
        grouped: Whether batches hold whole lists, see `list_batches`.

    """
    count, size = len(part if rows is None else rows), recipe.batch_size
    random = seeds.generator(seed, "shuffle", epoch)
    if grouped and part.groups is not None:
        whole = (batch for batch in list_batches(part, size, random, rows) if len(batch) > 1)
        return read(part, whole, compute.device)
    order = shuffled_rows(count, random)
    order = order if rows is None else (rows[run] for run in order)
    equal = batches(part, size, compute.device, order)
    return islice(equal, count // size) if count % size == 1 else equal


@torch.no_grad()
def predict(network: nn.Module, part: Part, compute: Compute) -> np.ndarray:
    """Return the network's output for all rows in stored order, [R, ...], in single precision or its own.

    The network is left in evaluation mode.
    """
    network.eval()
    double = any(weights.dtype == torch.float64 for weights in network.parameters())
    outputs = np.zeros(part.labels.shape, np.float64 if double else np.float32)
    done = 0
    for batch in batches(part, UNTRAINED, compute.device):
        logits = compute.logits(network, batch).cpu().numpy()
        if not done and logits.shape[1:] != outputs.shape[1:]:  # those of an `Output`
            outputs = np.zeros((len(part), *logits.shape[1:]), outputs.dtype)
        outputs[done : done + len(logits)] = logits
        done += len(logits)
    return outputs


def evaluate(
    network: nn.Module,
    part: Part,
    tasks: Sequence[Task],
    compute: Compute,
    registered: Mapping[str, Metric] = NONE,
) -> dict[str, TaskMetrics]:
    """Return the metrics of each task on a part; see `metrics_of` for registered ones.

    Raises:
        DivergedError: a prediction is not finite.

    """
    predictions = predict(network, part, compute)
    if not np.isfinite([predictions.min(initial=0.0), predictions.max(initial=0.0)]).all():
        raise DivergedError("the model predicts values that are not finite", "lower training.learning_rate")
    return metrics_of(tasks, np.asarray(part.labels), predictions, part.groups, registered)
