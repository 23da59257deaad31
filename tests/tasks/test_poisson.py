"""Counts: the deviance and its gradient against a slow reference in double precision."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import poisson

from automtl_core.tasks.kinds import task_kind
from automtl_tasks.poisson import Poisson, deviances
from automtl_testing import check_task_kind

KIND = Poisson("poisson")
LABELS = (0.0, 0.25, 1.0, 7.0, 20_000.0)
LOGITS = (-30.0, -3.0, 0.0, 0.5, 9.9, 30.0)


def deviance(y, logit):
    m = math.exp(logit)
    return 2 * ((y * math.log(y / m) if y else 0.0) - y + m)


def test_it_keeps_the_contract():
    check_task_kind(Poisson)


@pytest.mark.parametrize("y", LABELS)
@pytest.mark.parametrize("logit", LOGITS)
def test_loss_and_gradient_are_those_of_the_deviance(y, logit):
    x, step = torch.tensor([[logit]], requires_grad=True), 1e-5
    loss = KIND.row_losses(x, torch.tensor([[y]]))
    (slope,) = torch.autograd.grad(loss.sum(), x)
    scale = 1 + y * (
        abs(math.log(y or 1)) + abs(logit)
    )  # of the terms, whose differences single precision rounds
    assert loss.item() == pytest.approx(deviance(y, logit), rel=1e-5, abs=1e-6 * scale)
    reference = (deviance(y, logit + step) - deviance(y, logit - step)) / (2 * step)
    assert slope.item() == pytest.approx(reference, rel=1e-4, abs=1e-6 * scale)
    assert deviances(np.array([y]), np.array([math.exp(logit)]))[0] == pytest.approx(
        deviance(y, logit), rel=1e-9, abs=1e-9
    )


def test_the_deviance_is_twice_what_the_likelihood_loses():
    y, m = np.arange(9.0), np.full(9, 2.5)
    best = poisson.logpmf(y, np.maximum(y, 1e-300))
    assert deviances(y, m) == pytest.approx(2 * (best - poisson.logpmf(y, m)))


@pytest.mark.parametrize("logit", [-1e6, -100.0, 100.0, 1e6])
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


def test_rates_are_allowed_and_negative_numbers_are_not():
    kind = task_kind("poisson")
    assert kind.wrong(np.array([0.0, 0.5, 3.0, -1.0, np.nan])).tolist() == [False, False, False, True, False]
    assert kind.allowed == "numbers from 0"
