"""The losses of tasks, and balancers, which combine them into the gradients of a step.

Letters: B batch, T tasks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.settings.settings import Configured, S, Settings
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import distinct, task_kind
from automtl_core.training.batches import Batch
from automtl_core.training.optimisers import Group
from automtl_core.training.recipe import WEIGHTED_MEAN, Recipe


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


class Balancer(nn.Module, ABC, Configured[S]):
    """The backward pass of a training step. Subclasses declare their settings by `Balancer[MySettings]`.

    A balancer is created once per training loop. It is a module, so that a checkpoint holds its state: the
    optimiser of the network trains its parameters, without weight decay; buffers and `get_extra_state` hold
    other state. Random numbers come from torch's generator, which automtl seeds in each epoch.

    Args:
        settings: An instance of the class's `settings_class`.
        tasks: T tasks, in the order of the losses.

    """

    libraries: ClassVar[Sequence[str]] = ()
    """Distributions, besides torch and numpy, whose versions may change the outcome."""

    def __init__(self, settings: S, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.settings = settings
        self.tasks = tuple(tasks)

    @abstractmethod
    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Set the gradient of each parameter as `.grad`; it is None before, and may stay None.

        Args:
            losses: The mean loss of each task on a batch times its weight in the recipe, [T]. A task without
                a label in the batch has loss 0 and gradient 0.
            penalty: The penalty of the network, a scalar; without a gradient if the network has none.
            inputs: Parameters to train: of the network, and of the balancer. A loss need not depend on all of
                them. The gradient of a sparse embedding must stay sparse.

        """

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        """Receive the end of a step; `losses_again` recomputes the losses of the batch, without gradients.

        They are computed in training mode, with new dropout masks.
        """


class WeightedMean(Balancer):
    """The mean of the losses, weighted by training.loss_weights."""

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Differentiate the sum of the mean loss and the penalty."""
        (losses.mean() + penalty).backward(inputs=list(inputs))  # type: ignore[no-untyped-call]


MEAN = WeightedMean(Settings(), ())
"""The default, which has no state, so that several loops may share it."""


def balancer_of(recipe: Recipe, tasks: Sequence[Task]) -> Balancer:
    """Return a new balancer for a recipe.

    Raises:
        UsageError: its settings are wrong, a library is missing, or the recipe lacks its class.

    """
    name = recipe.balancer.name
    balancer_class = {WEIGHTED_MEAN: WeightedMean, **recipe.balancers}.get(name)
    if balancer_class is None:
        raise UsageError(
            f"training.balancer: the recipe names {name!r}, but does not have its class",
            "use the recipe of a Problem, or recipe.knowing(registry.get(BALANCERS, name))",
        )
    balancer: Balancer = balancer_class(
        balancer_class.settings_class.parse(recipe.balancer.settings, "training.balancer", name), tasks
    )
    return balancer


def balancer_group(balancer: Balancer, recipe: Recipe) -> Group:
    """Return the parameter group of a balancer."""
    named = {f"balancer.{name}": parameter for name, parameter in balancer.named_parameters()}
    return Group(named, recipe.learning_rate, 0.0)
