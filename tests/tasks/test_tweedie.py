"""Amounts: the deviance and its gradient against a slow reference in double precision."""

import math

import numpy as np
import pytest
import torch

from automtl_tasks.tweedie import Tweedie, deviances
from automtl_testing import check_task_kind

KIND = Tweedie("tweedie")
LABELS = (0.0, 0.25, 1.0, 7.0, 20_000.0)
LOGITS = (-30.0, -3.0, 0.0, 0.5, 9.9, 30.0)


def deviance(y, logit, power=1.5):
    """The unit deviance of any power but 1 and 2 (Jorgensen 1987)."""
    m, p = math.exp(logit), power
    first = y ** (2 - p) / ((1 - p) * (2 - p))
    return 2 * (first - y * m ** (1 - p) / (1 - p) + m ** (2 - p) / (2 - p))


def test_it_keeps_the_contract():
    check_task_kind(Tweedie)


@pytest.mark.parametrize("y", LABELS)
@pytest.mark.parametrize("logit", LOGITS)
def test_loss_and_gradient_are_those_of_the_deviance(y, logit):
    x, step = torch.tensor([[logit]], requires_grad=True), 1e-5
    loss = KIND.row_losses(x, torch.tensor([[y]]))
    (slope,) = torch.autograd.grad(loss.sum(), x)
    assert loss.item() == pytest.approx(deviance(y, logit), rel=1e-5, abs=1e-6 * (1 + y))
    reference = (deviance(y, logit + step) - deviance(y, logit - step)) / (2 * step)
    assert slope.item() == pytest.approx(reference, rel=1e-4, abs=1e-3)
    found = deviances(np.array([y]), np.array([math.exp(logit)]))[0]
    assert found == pytest.approx(deviance(y, logit), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("logit", [-1e6, -200.0, 200.0, 1e6])
@pytest.mark.parametrize("y", LABELS)
def test_extreme_logits_have_a_finite_loss_that_pulls_them_back(logit, y):
    x = torch.tensor([[logit]], requires_grad=True)
    loss = KIND.row_losses(x, torch.tensor([[y]]))
    (slope,) = torch.autograd.grad(loss.sum(), x)
    assert loss.isfinite().all()
    assert slope.isfinite().all()
    assert slope.item() * logit > 0 or y == 0
    values = KIND.metrics(np.array([y, 1.0]), np.array([logit, 0.0]), None).values
    assert np.isfinite([value for value in values.values() if value is not None]).all()


@pytest.mark.needs_extra("boosting")
@pytest.mark.parametrize("name", ["poisson", "tweedie"])
def test_lightgbm_minimises_the_same_deviance(name):
    """A tree of one leaf for each of two groups of rows has the mean label of its rows as prediction."""
    import lightgbm

    draw = np.random.default_rng(0)
    group = np.repeat([0.0, 1.0], 200)
    labels = draw.poisson(1 + 4 * group) * draw.gamma(2.0, 1.0, 400)
    from automtl_core.tasks.kinds import task_kind

    kind = task_kind(name)
    params = {"objective": kind.boosting, "verbosity": -1, "min_data_in_leaf": 1, "learning_rate": 0.3}
    booster = lightgbm.train(params, lightgbm.Dataset(group[:, None], labels), 200)
    logits = booster.predict(np.array([[0.0], [1.0]]), raw_score=True)
    means = [labels[:200].mean(), labels[200:].mean()]
    assert kind.predictions(np.asarray(logits)) == pytest.approx(means, rel=1e-3)
