"""A curriculum over tasks: the first task trains alone, then the others join in. Letter: T tasks."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_core.plugin import Balancer, Settings, Task, hookimpl


class CurriculumSettings(Settings):
    """Settings of the balancer."""

    steps: int = Field(500, ge=1)
    """Steps until the other tasks have the weight of the first one; it rises from 0 in a line."""


class Curriculum(Balancer[CurriculumSettings]):
    """Weighs the first task by 1, and the others by the share of the steps that are done."""

    done: Tensor

    def __init__(self, settings: CurriculumSettings, tasks: Sequence[Task]) -> None:
        super().__init__(settings, tasks)
        self.register_buffer("done", torch.zeros(()))  # a checkpoint holds it

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Set the gradient of each input, from the losses of the tasks [T] and the penalty of the network."""
        weights = torch.ones_like(losses)
        weights[1:] = (self.done / self.settings.steps).clamp(max=1)
        torch.autograd.backward((weights * losses).mean() + penalty, inputs=list(inputs))
        self.done += 1


@hookimpl
def automtl_register_balancers() -> dict[str, type[Curriculum]]:
    """Register the balancer by its name."""
    return {"example-balancer": Curriculum}
