import itertools
import math

import pytest
import torch

from automtl_baselines.esmm import product

LOG3 = math.log(3.0)


def logit(p):
    return math.log(p / (1 - p))


def test_a_task_is_as_likely_as_the_one_before_times_its_own_given_that_one(network, logits):
    weights = {"mlps.0.0": 1.0, "mlps.1.0": 1.0, "towers.tops.0.0": LOG3 / 2, "towers.tops.1.0": 0.0}
    model = network("esmm", weights, tasks=("buy<click", "click"))
    # x = 2: click 1/2, buy given click 3/4; columns as in the schema
    assert logits(model, 2)[0] == pytest.approx([logit(3 / 8), 0])


def test_products_run_along_the_whole_chain_and_no_further(network, logits):
    given = {"pay<buy": LOG3, "share": LOG3, "buy<click": 0.0, "click": -LOG3}
    weights = {f"mlps.{t}.0": 1.0 for t in range(4)}
    weights |= {f"towers.tops.{t}.0": value / 2 for t, value in enumerate(given.values())}
    model = network("esmm", weights, tasks=list(given))
    # click 1/4, buy 1/4 * 1/2, pay 1/8 * 3/4
    assert logits(model, 2)[0] == pytest.approx([logit(3 / 32), LOG3, logit(1 / 8), -LOG3])


def test_the_loss_of_a_later_task_moves_the_one_before(network, moved):
    model = network("esmm", 1.0, tasks=("buy<click", "click"))
    assert {"towers.tops.0.0.weight", "towers.tops.1.0.weight"} <= moved(model, 0)
    assert "towers.tops.0.0.weight" not in moved(model, 1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.0, 0.0, -LOG3),
        (100.0, 100.0, 100 - math.log(2.0)),
        (-100.0, -100.0, -200.0),
        (1e4, -3.0, -3.0),
        (-3.0, 1e4, -3.0),
        (1e4, 1e4, 1e4 - math.log(2.0)),
        (-1e30, 1e30, -1e30),
    ],
)
def test_the_product_is_exact_where_probabilities_round_to_0_or_1(a, b, expected):
    out = product(torch.tensor(a), torch.tensor(b))
    assert out.dtype == torch.float32
    assert out.item() == pytest.approx(expected, rel=1e-6)


def test_the_product_and_its_gradient_are_finite_in_float32():
    extremes = [-1e30, -1e3, -90.0, -1e-30, 0.0, 17.0, 90.0, 1e3, 1e30]
    a, b = torch.tensor(list(itertools.product(extremes, extremes))).T.clone().requires_grad_()
    a.retain_grad()
    b.retain_grad()
    out = product(a, b)
    assert out.isfinite().all()
    assert (out <= torch.minimum(a, b)).all()
    out.sum().backward()
    usual = (a.abs() <= 1e3) & (b.abs() <= 1e3)
    for grad in (a.grad, b.grad):
        assert grad.isfinite().all()
        assert ((grad >= 0) & (grad <= 1 + 1e-3))[usual].all()
