"""The pairwise loss against loops over pairs, and its memory."""

import pytest
import torch
from torch.nn.functional import softplus

from automtl_core.plugin import Settings
from automtl_losses import pairwise as module
from automtl_losses.pairwise import Pairwise

from .cases import check, log_one_and_exp


def slow(rows, listed):
    pairs = [
        (v * y * w * (1 - z), log_one_and_exp(t - s))
        for s, y, v in rows
        for t, z, w in rows
        if y > 0 and z < 1
    ]
    mass = sum(weight for weight, _ in pairs)
    if not listed or not mass:
        return 0.0, 0.0
    of_list = sum(weight for *_, weight in rows)
    return of_list * sum(weight * loss for weight, loss in pairs) / mass, of_list


@pytest.mark.parametrize("size", [1 << 20, 1, 7])
def test_the_loss_is_that_of_loops_over_lists_and_pairs(monkeypatch, size):
    monkeypatch.setattr(module, "PAIRS", size)
    check(Pairwise(Settings()), slow)


def test_pairs_of_a_long_list_are_computed_in_blocks(monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 1000)
    largest = []

    def spied(margins):
        largest.append(len(margins))
        return softplus(margins)

    monkeypatch.setattr(module, "softplus", spied)
    labels = (torch.arange(1000) % 2).double()[:, None]
    logits = torch.randn(1000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sums, numbers = Pairwise(Settings()).sums(
        logits, labels, torch.ones_like(labels), torch.ones(1000, dtype=torch.int32)
    )
    assert (sum(largest), max(largest) <= 1500) == (500 * 500, True)
    mean = softplus(logits[labels[:, 0] == 0] - logits[labels[:, 0] == 1].T).mean()
    assert numbers.item() == 1000
    assert sums.item() == pytest.approx(1000 * mean.item())
