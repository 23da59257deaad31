"""Random batches, and the comparison of a loss with a slow one that is written as loops."""

from collections.abc import Callable, Iterator
from math import exp, log

import numpy as np
import pytest
import torch

from automtl_core.plugin import Loss

Row = tuple[float, float, float]
"""Logit, label and weight."""
Slow = Callable[[list[Row], bool], tuple[float, float]]
"""Function from the rows of a list, and whether they are in one, to the sum and the number of its terms."""


def log_one_and_exp(x: float) -> float:
    return x + log(1 + exp(-x)) if x > 0 else log(1 + exp(x))


def batches() -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield logits, labels and weights [B, 3], and groups [B]; the tasks lack different labels."""
    for seed, (rows, lists, spread) in enumerate([(60, 6, 1.0), (60, 40, 30.0), (7, 1, 1.0), (200, 3, 5.0)]):
        draw = np.random.default_rng(seed)
        logits = torch.from_numpy(spread * draw.standard_normal((rows, 3))).requires_grad_()
        labels = torch.from_numpy(draw.integers(0, 2, (rows, 3)).astype(np.float64))
        weights = torch.from_numpy(draw.choice([0.0, 0.5, 1.0, 2.0], (rows, 3)))
        yield logits, labels * (weights > 0), weights, torch.from_numpy(draw.integers(0, lists + 1, rows))


def check(loss: Loss, slow: Slow) -> None:
    """Compare sums, numbers and gradients with those of loops over lists; rows of none stand alone."""
    for logits, labels, weights, groups in batches():
        sums, numbers = loss.sums(logits, labels, weights, groups)
        (gradient,) = torch.autograd.grad(sums.sum(), logits)
        for task in range(3):
            table = [values[:, task].tolist() for values in (logits, labels, weights)]
            of_lists: dict[tuple[int, int], list[int]] = {}
            for row, group in enumerate(groups.tolist()):
                of_lists.setdefault((group, -1 if group else row), []).append(row)

            def total(column, of_lists=of_lists, table=table):
                made = zip(column, *table[1:], strict=True)
                rows = list(made)
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
