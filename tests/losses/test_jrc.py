"""JRC against loops over lists, and its parts."""

from functools import partial
from math import exp, log

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from automtl_losses.jrc import JRC, JRCSettings

from .cases import check, log_one_and_exp


def slow(alpha, rows, listed):
    found = 0.0
    for label in (1, 0):
        classes = [(-log_one_and_exp(-s if label else s), y if label else 1 - y, w) for s, y, w in rows]
        whole = sum(w * exp(f) for f, _, w in classes)
        for f, y, w in classes:
            in_list = (log(whole) - f) if listed and w else 0.0
            found += w * y * ((1 - alpha) * in_list - alpha * f)
    return found, sum(w for *_, w in rows)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_that_of_loops_over_lists(alpha):
    check(JRC(JRCSettings(alpha=alpha)), partial(slow, alpha))


def test_the_log_loss_is_a_part_of_it_and_the_other_part_is_least_for_the_true_probabilities():
    truth = torch.tensor([-2.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    share = truth.sigmoid()
    # each row once as a positive, and once as a negative, by its probability
    labels, weights = torch.tensor([[1.0]] * 4 + [[0.0]] * 4), torch.cat([share, 1 - share])[:, None]
    groups = torch.ones(8, dtype=torch.int32)

    def mean(alpha, logits):
        both = torch.cat([logits, logits])[:, None]
        sums, numbers = JRC(JRCSettings(alpha=alpha)).sums(both, labels.double(), weights, groups)
        return (sums / numbers).sum()

    log_loss = binary_cross_entropy_with_logits(truth, share)
    assert mean(1.0, truth).item() == pytest.approx(log_loss.item())
    for alpha in (0.0, 0.5):
        logits = truth.clone().requires_grad_()
        mean(alpha, logits).backward()
        assert logits.grad.abs().max() < 1e-12
