"""The focal loss against its formula."""

from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from automtl_losses.focal import Focal, FocalSettings

from .cases import check, log_one_and_exp


def slow(gamma, rows, listed):
    found = 0.0
    for s, y, w in rows:
        for logit, share in ((s, y), (-s, 1 - y)):
            loss = log_one_and_exp(-logit)
            found += w * share * (1 / (1 + 2.718281828459045**logit)) ** gamma * loss
    return found, sum(w for *_, w in rows)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_loss_is_that_of_loops_over_rows(gamma):
    check(Focal(FocalSettings(gamma=gamma)), partial(slow, gamma))


def test_without_gamma_it_is_log_loss():
    logits, labels = torch.linspace(-100, 100, 21), torch.arange(21) % 2.0
    expected = binary_cross_entropy_with_logits(logits, labels, reduction="none")
    assert torch.allclose(Focal(FocalSettings(gamma=0)).row_losses(logits, labels), expected)
