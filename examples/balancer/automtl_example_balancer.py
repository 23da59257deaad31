"""Weights of tasks by their losses. Letter: T tasks."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_core.plugin import Balancer, Settings, hookimpl


class HardestFirstSettings(Settings):
    """Settings of the balancer."""

    temperature: float = Field(1.0, gt=0)
    """The lower the temperature, the higher the weight of the task with the largest loss."""


class HardestFirst(Balancer[HardestFirstSettings]):
    """Weighs tasks by a softmax of their losses: the larger the loss, the higher the weight."""

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Set the gradient of each input, from the losses of the tasks [T] and the penalty of the network."""
        weights = (losses.detach() / self.settings.temperature).softmax(0)  # [T]
        torch.autograd.backward((weights * losses).sum() + penalty, inputs=list(inputs))


@hookimpl
def automtl_register_balancers() -> dict[str, type[HardestFirst]]:
    """Register the balancer by its name."""
    return {"example-balancer": HardestFirst}
