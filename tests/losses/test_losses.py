"""Losses against slow ones that are written as loops over rows, lists and pairs."""

import math
from functools import partial
from math import exp, log

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from automtl_core.plugin import Settings
from automtl_core.tasks.kinds import task_kind
from automtl_losses import pairwise as module
from automtl_losses.focal import Focal, FocalSettings
from automtl_losses.lists import Lists
from automtl_losses.log_loss import LogLoss
from automtl_losses.pairwise import Pairwise
from automtl_losses.softmax import Softmax


def log_one_and_exp(x):
    return x + log(1 + exp(-x)) if x > 0 else log(1 + exp(x))


def batches():
    """Yield logits, labels and weights [B, 3], and groups [B]; the tasks lack different labels."""
    for seed, (rows, lists, spread) in enumerate([(60, 6, 1.0), (60, 40, 30.0), (7, 1, 1.0), (200, 3, 5.0)]):
        draw = np.random.default_rng(seed)
        logits = torch.from_numpy(spread * draw.standard_normal((rows, 3))).requires_grad_()
        labels = torch.from_numpy(draw.integers(0, 2, (rows, 3)).astype(np.float64))
        weights = torch.from_numpy(draw.choice([0.0, 0.5, 1.0, 2.0], (rows, 3)))
        yield logits, labels * (weights > 0), weights, torch.from_numpy(draw.integers(0, lists + 1, rows))


def check(loss, slow):
    """Compare sums, numbers and gradients with those of loops over lists; rows of none stand alone.

    `slow` returns, for rows of (logit, label, weight), the sum and the number of terms of their list.
    """
    for logits, labels, weights, groups in batches():
        sums, numbers = loss.sums(logits, labels, weights, groups)
        (gradient,) = torch.autograd.grad(sums.sum(), logits)
        for task in range(3):
            table = [values[:, task].tolist() for values in (logits, labels, weights)]
            of_lists: dict[tuple[int, int], list[int]] = {}
            for row, group in enumerate(groups.tolist()):
                of_lists.setdefault((group, -1 if group else row), []).append(row)

            def total(column, of_lists=of_lists, table=table):
                rows = list(zip(column, *table[1:], strict=True))
                found = [
                    slow([rows[row] for row in mine], group > 0) for (group, _), mine in of_lists.items()
                ]
                return np.array(found).sum(0)

            value, number = total(table[0])
            assert sums[task].item() == pytest.approx(value, rel=1e-9, abs=1e-12)
            assert numbers[task].item() == pytest.approx(number, rel=1e-12)
            for row in range(0, len(groups), 5):
                moved = [
                    [x + step * (place == row) for place, x in enumerate(table[0])] for step in (1e-5, -1e-5)
                ]
                slope = (total(moved[0])[0] - total(moved[1])[0]) / 2e-5
                assert gradient[row, task].item() == pytest.approx(slope, rel=1e-5, abs=1e-6)


def slow_focal(gamma, rows, listed):
    found = 0.0
    for s, y, w in rows:
        for logit, share in ((s, y), (-s, 1 - y)):
            loss = log_one_and_exp(-logit)
            found += w * share * (1 / (1 + 2.718281828459045**logit)) ** gamma * loss
    return found, sum(w for *_, w in rows)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_is_that_of_loops_over_rows(gamma):
    check(Focal(FocalSettings(gamma=gamma)), partial(slow_focal, gamma))


def slow_softmax(rows, listed):
    both = any(w * y for _, y, w in rows) and any(w * (1 - y) for _, y, w in rows)
    if not listed or not both:
        return 0.0, 0.0
    top = max(s for s, *_ in rows)
    whole = top + log(sum(w * exp(s - top) for s, _, w in rows))
    return sum(w * y * (whole - s) for s, y, w in rows), sum(w * y for _, y, w in rows)


def test_the_softmax_loss_is_that_of_loops_over_lists():
    check(Softmax(Settings()), slow_softmax)


def slow_pairs(rows, listed):
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
def test_the_pairwise_loss_is_that_of_loops_over_lists_and_pairs(monkeypatch, size):
    monkeypatch.setattr(module, "PAIRS", size)
    check(Pairwise(Settings()), slow_pairs)


def test_pairs_of_a_long_list_are_computed_in_blocks(monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 1000)
    largest = []

    def spied(margins):
        largest.append(len(margins))
        return softplus(margins)

    monkeypatch.setattr(module, "softplus", spied)
    labels = (torch.arange(1000) % 2).double()[:, None]
    logits = torch.randn(1000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    Pairwise(Settings()).sums(logits, labels, torch.ones_like(labels), torch.ones(1000, dtype=torch.int32))
    assert sum(largest) == 500 * 500
    assert max(largest) <= 1500


GROUPS = torch.tensor([7, 0, 3, 7, 0])


def test_sums_of_exponentials_do_not_overflow_and_skip_rows_without_a_weight():
    scores = torch.tensor([[1000.0], [0.0], [-1e30], [999.0], [1e30]], requires_grad=True)
    weights = torch.tensor([[1.0], [2.0], [0.0], [3.0], [0.0]])
    found = Lists(GROUPS).log_sums(scores, weights)
    assert found[:, 0].tolist() == pytest.approx([math.log(2), 0.0, 1000 + math.log(1 + 3 / math.e)])
    found.sum().backward()
    assert scores.grad[[2, 4]].tolist() == [[0], [0]]
    assert scores.grad[0].item() == pytest.approx(1 / (1 + 3 / math.e))


def test_log_loss_is_the_loss_of_tasks_of_0_and_1():
    draw = torch.Generator().manual_seed(0)
    logits, labels, weights = (torch.rand(50, 2, generator=draw, dtype=torch.float64) for _ in range(3))
    rows = logits, (labels > 0.5).double(), weights, None
    for found, expected in zip(LogLoss(Settings()).sums(*rows), task_kind("binary").sums(*rows), strict=True):
        assert torch.equal(found, expected)
