"""Task weights that are learned as the uncertainty of each task.

Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018:

    classification  L / sigma^2 + log sigma                                                        (eq. 10)
    regression      L / (2 sigma^2) + log sigma                                                    (eq. 7)

Letters: T tasks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Task
from automtl_core.settings.settings import Settings
from automtl_core.training.balancer import Balancer


class Uncertainty(Balancer):
    """Task weights learned as homoscedastic uncertainty (Kendall, Gal, Cipolla, CVPR 2018)."""

    factors: Tensor

    def __init__(self, settings: Settings, tasks: Sequence[Task]) -> None:
        super().__init__(settings, tasks)
        self.log_variances = nn.Parameter(torch.zeros(len(tasks)))  # log sigma^2, as the paper learns it
        factors = torch.tensor([task.type.variance_factor for task in tasks])
        self.register_buffer("factors", factors, persistent=False)

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Differentiate the mean over tasks of the paper's terms; a task without a loss has no term."""
        s = self.log_variances.to(losses.dtype)
        by_task = self.factors * (-s).exp() * losses + s / 2
        labelled = losses.detach() != 0
        loss = torch.where(labelled, by_task, 0.0).mean() + penalty
        loss.backward(inputs=list(inputs))  # type: ignore[no-untyped-call]
