"""Sums over lists."""

import math

import pytest
import torch

from automtl_losses.lists import Lists

GROUPS = torch.tensor([7, 0, 3, 7, 0])


def test_rows_are_summed_by_list():
    lists = Lists(GROUPS)
    values = torch.tensor([[1.0, 2.0], [10.0, 20.0], [3.0, 4.0], [5.0, 6.0], [100.0, 200.0]])
    assert lists.sums(values).tolist() == [[110, 220], [3, 4], [6, 8]]
    assert lists.of_rows(lists.sums(values))[:, 0].tolist() == [6, 110, 3, 6, 110]
    assert lists.listed[:, 0].tolist() == [True, False, True, True, False]


def test_sums_of_exponentials_do_not_overflow_and_skip_rows_without_a_weight():
    scores = torch.tensor([[1000.0], [0.0], [-1e30], [999.0], [1e30]], requires_grad=True)
    weights = torch.tensor([[1.0], [2.0], [0.0], [3.0], [0.0]])
    found = Lists(GROUPS).log_sums(scores, weights)
    assert found[:, 0].tolist() == pytest.approx([math.log(2), 0.0, 1000 + math.log(1 + 3 / math.e)])
    found.sum().backward()
    assert scores.grad[[2, 4]].tolist() == [[0], [0]]
    assert scores.grad[0].item() == pytest.approx(1 / (1 + 3 / math.e))
