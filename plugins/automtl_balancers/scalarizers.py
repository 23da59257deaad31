"""Balancers that combine the losses of tasks into one, by the scalarizers of TorchJD. Letters: T tasks."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, nn

from automtl_balancers.library import LIBRARIES, torchjd
from automtl_core.dataset.schema import Task
from automtl_core.settings.settings import S, Settings
from automtl_core.training.balancer import Balancer


class Scalarized(Balancer[S]):
    """Base of these balancers. A subclass has the name of its TorchJD class; its settings are arguments."""

    libraries = LIBRARIES

    def __init__(self, settings: S, tasks: Sequence[Task]) -> None:
        super().__init__(settings, tasks)
        self.scalarizer = torchjd("scalarization", type(self).__name__, **settings.model_dump())

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Differentiate the scalar and the penalty together; tasks without a loss are left out."""
        present = losses[losses.detach() != 0]
        loss = (self.scalarizer(present) if len(present) else losses.sum()) + penalty
        loss.backward(inputs=list(inputs))


class GeometricMean(Scalarized):
    """The geometric mean of the losses (Chennupati et al., MultiNet++, CVPR workshops 2019), by TorchJD."""


class Random(Scalarized):
    """Random weights, new ones in each step (Lin et al., TMLR 2022), by TorchJD."""


class STCHSettings(Settings):
    """Settings of smooth Tchebycheff scalarization."""

    mu: float = Field(0.1, gt=0)
    """Smoothing. The combined loss approaches the largest loss of the tasks as the value approaches 0."""


class STCH(Scalarized[STCHSettings]):
    """Smooth Tchebycheff: a soft maximum of the losses (Lin et al., ICML 2024), by TorchJD."""
