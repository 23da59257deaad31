"""The losses of tasks, and balancers, which combine them into the gradients of a step.

Letters: B batch, T tasks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.settings.settings import Component, Configured, S, Settings
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import plain_kind, task_kind
from automtl_core.tasks.loss import Loss, Terms
from automtl_core.training.batches import Batch
from automtl_core.training.optimisers import Group
from automtl_core.training.recipe import EVERY, WEIGHTED_MEAN, Recipe, key_of_loss


class TaskLosses(NamedTuple):
    """The loss and weight of each task. See `task_losses`."""

    weights: Tensor
    """Weight of each task's loss in the mean over tasks, [T]."""
    losses: Sequence[tuple[Terms, Tensor | None]] = ((task_kind("binary"), None),)
    """Each loss, with the mask of its tasks, [T] bool; None for all."""

    @property
    def grouped(self) -> bool:
        """Whether a loss compares the rows of a list or user, so that batches must hold them together."""
        return any(loss.grouped for loss, _ in self.losses)

    def sums(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the sum of the terms of each task's loss, and the number of terms, [T] each.

        The mean loss of a task is their ratio, see `Terms.sums`. A task without a label in the batch has loss
        0, and no gradient.

        Args:
            logits: Output of the network for the batch, [B, T].
            batch: B examples.

        """
        labels = batch.labels.nan_to_num(0.0).to(logits.dtype)  # first, as NaN times 0 is NaN
        weights, parts = batch.weights.to(logits.dtype), []
        for loss, mine in self.losses:
            own = (logits, labels, weights)
            if mine is not None:  # this loss may not be finite for the other tasks
                own = (torch.where(mine, logits, 0.0), torch.where(mine, labels, 0.0), weights * mine)
            parts.append(loss.sums(*own, batch.groups() if loss.grouped else None))
        return reduce(torch.add, [sums for sums, _ in parts]), reduce(torch.add, [n for _, n in parts])


def task_losses(recipe: Recipe, tasks: Sequence[Task], device: torch.device) -> TaskLosses:
    """Return the losses of these tasks, with the weights of the recipe.

    Raises:
        UsageError: the recipe names a task that the dataset does not have; or see `losses_of`.

    """
    names = [task.name for task in tasks]
    of_tasks = {
        "loss_weights": recipe.loss_weights,
        "losses": recipe.losses.keys() - {EVERY},
        "monitor": recipe.monitor,
    }
    for setting, used in of_tasks.items():
        for name in used:
            if name not in names:
                raise UsageError(
                    f"training.{setting} names {name!r}, which is not a task{did_you_mean(name, names)}",
                    fix=f"the tasks are: {listing(names)}",
                )
    by_task = losses_of(recipe, tasks)
    losses = list(dict.fromkeys(by_task.values()))
    masks = [torch.tensor([of is loss for of in by_task.values()], device=device) for loss in losses]
    return TaskLosses(
        torch.tensor([recipe.loss_weights.get(name, 1.0) for name in names], device=device),
        tuple(zip(losses, masks if len(losses) > 1 else [None], strict=True)),
    )


def losses_of(recipe: Recipe, tasks: Sequence[Task]) -> dict[str, Terms]:
    """Return the loss of each task by its name, that of its kind where the recipe names none.

    Raises:
        UsageError: the settings of a loss are wrong, it does not fit the kind of its task or of any task, or
            the recipe lacks its class.

    """
    # Tasks with equal settings share a loss, which computes them together.
    texts = {name: chosen.model_dump_json() for name, chosen in recipe.losses.items()}
    made: dict[str, Loss] = {
        text: _made(recipe.loss_classes, recipe.losses[name], key_of_loss(name), "loss")
        for name, text in texts.items()
    }
    named = {name: made[text] for name, text in texts.items()}
    every, found = named.get(EVERY), dict[str, Terms]()
    for task in tasks:
        loss = named.get(task.name)
        if loss is not None and plain_kind(task.kind) not in loss.kinds:
            raise UsageError(
                f"training.losses.{task.name}: {recipe.losses[task.name].name} is a loss for tasks of kind "
                f"{listing(loss.kinds)}, and {task.name!r} is of kind {plain_kind(task.kind)}",
                "name another one of `automtl list losses`, or none for the loss of the kind",
            )
        if loss is None and every is not None and plain_kind(task.kind) in every.kinds:
            loss = every
        found[task.name] = loss or task.type
    if every is not None and not any(plain_kind(task.kind) in every.kinds for task in tasks):
        raise UsageError(
            f"training.losses: {recipe.losses[EVERY].name} is a loss for tasks of kind "
            f"{listing(every.kinds)}, and there is none",
            "name another one of `automtl list losses`, or none for the losses of the kinds",
        )
    return found


def _made(classes: Mapping[str, Any], chosen: Component, key: str, kind: str, *arguments: Any) -> Any:
    """Return the balancer or loss that a recipe names, made from its settings; raises as `losses_of` does."""
    if (found := classes.get(chosen.name)) is None:
        raise UsageError(
            f"{key}: the recipe names {chosen.name!r}, but does not have its class",
            "use the recipe of a Problem, or recipe.knowing(...) with the class of the registry",
        )
    return found(found.settings_class.parse(chosen.settings, key, chosen.name, kind), *arguments)


def check_groups(recipe: Recipe, tasks: Sequence[Task], groups: bool) -> None:
    """Check that the data has the lists, or the user field, that losses of groups need.

    Args:
        recipe: Names the losses.
        tasks: Tasks of the data.
        groups: Whether the data has lists or a user field.

    Raises:
        UsageError: the loss of a task compares the rows of a list, and there are none; or see `losses_of`.

    """
    for task, loss in losses_of(recipe, tasks).items():
        if loss.grouped and not groups:
            raise UsageError(
                f"the loss of {task!r}, {_described(recipe, task, loss)}, compares the rows of a list or "
                "user, and the dataset has neither lists nor a user field",
                "for your own table, name the field: --set dataset.user=FIELD; otherwise use another loss",
            )


def _described(recipe: Recipe, task: str, loss: Terms) -> str:
    if isinstance(loss, TaskKind):
        return f"that of kind {loss.name}"
    return recipe.losses[task if task in recipe.losses else EVERY].name


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
    classes = {WEIGHTED_MEAN: WeightedMean, **recipe.balancers}
    made: Balancer = _made(classes, recipe.balancer, "training.balancer", "balancer", tasks)
    return made


def balancer_group(balancer: Balancer, recipe: Recipe) -> Group:
    """Return the parameter group of a balancer."""
    named = {f"balancer.{name}": parameter for name, parameter in balancer.named_parameters()}
    return Group(named, recipe.learning_rate, 0.0)
