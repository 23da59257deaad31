"""Balancers: how the losses of tasks become the gradients of a step. Letters: T tasks."""

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
    """The backward pass of a training step. Subclasses name their settings, `Balancer[MySettings]`.

    A balancer is made once per training loop and is a module, so that a checkpoint holds its state: the
    optimiser of the network moves its parameters, without decay; buffers and `get_extra_state` keep all else.
    What it draws comes from torch's generator, which automtl seeds in each epoch.

    Args:
        settings: An instance of the class's `settings_class`.
        tasks: T of them, in the order of the losses.

    """

    libraries: ClassVar[Sequence[str]] = ()
    """Distributions whose versions the outcome depends on, besides torch and numpy."""

    def __init__(self, settings: S, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.settings = settings
        self.tasks = tuple(tasks)

    @abstractmethod
    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Give each parameter its gradient as `.grad`, which is None before, and stays so where none is due.

        Args:
            losses: The mean loss of each task on a batch times its weight in the recipe, [T]. A task without
                a label in the batch has the loss 0 and the gradient 0.
            penalty: What the network adds to the losses, a scalar; without a gradient where it adds nothing.
            inputs: What the step moves: parameters of the network, and those of the balancer. A loss may
                not reach all of them. The gradient of a sparse embedding is sparse, and has to stay so.

        """

    def after_step(self, losses_again: Callable[[], Tensor]) -> None:
        """Hear that a step is taken; `losses_again` computes the losses of its batch anew, without gradient.

        They are computed in training mode, with other masks of dropout.
        """


class WeightedMean(Balancer):
    """The mean of the losses, weighted by training.loss_weights."""

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Differentiate the mean of the losses and the penalty together."""
        (losses.mean() + penalty).backward(inputs=list(inputs))  # type: ignore[no-untyped-call]


MEAN = WeightedMean(Settings(), ())
"""The default, which has no state, and may serve several loops."""


def balancer_of(recipe: Recipe, tasks: Sequence[Task]) -> Balancer:
    """Return a new balancer, as the recipe says.

    Raises:
        UsageError: its settings are wrong, or what it needs is missing; or the recipe does not hold it.

    """
    name = recipe.balancer.name
    found = {WEIGHTED_MEAN: WeightedMean, **recipe.balancers}.get(name)
    if found is None:
        raise UsageError(
            f"training.balancer: the recipe names {name!r}, and nobody has looked it up",
            "use the recipe of a Problem, or recipe.knowing(registry.get(BALANCERS, name))",
        )
    balancer: Balancer = found(
        found.settings_class.parse(recipe.balancer.settings, "training.balancer", name), tasks
    )
    return balancer


def balancer_group(balancer: Balancer, recipe: Recipe) -> Group:
    """Return the group of what a balancer learns."""
    named = {f"balancer.{name}": parameter for name, parameter in balancer.named_parameters()}
    return Group(named, recipe.learning_rate, 0.0)
