"""Balancers: they combine the losses of tasks into the gradients of a step. Letters: T tasks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from torch import Tensor, nn

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.settings.settings import Configured, S, Settings
from automtl_core.training.optimisers import Group
from automtl_core.training.recipe import WEIGHTED_MEAN, Recipe


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
