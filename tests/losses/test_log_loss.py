"""Log loss by its own name is the loss of tasks of 0 and 1."""

import torch

from automtl_core.settings.settings import Settings
from automtl_core.tasks.kinds import task_kind
from automtl_losses.log_loss import LogLoss
from automtl_testing import check_loss


def test_it_is_that_of_the_kind():
    check_loss(LogLoss)
    draw = torch.Generator().manual_seed(0)
    logits, labels, weights = (torch.rand(50, 2, generator=draw, dtype=torch.float64) for _ in range(3))
    labels = (labels > 0.5).double()
    own, kind = (
        one(logits, labels, weights, None) for one in (LogLoss(Settings()).sums, task_kind("binary").sums)
    )
    assert all(torch.equal(a, b) for a, b in zip(own, kind, strict=True))
