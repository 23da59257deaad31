"""Times: the likelihood and its gradient against a slow reference in double precision."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from automtl_tasks.censored import Censored
from automtl_testing import check_task_kind

KIND = Censored("censored")


def loss(label, logit):
    z = math.log(abs(label)) - logit
    return z * z / 2 if label > 0 else -norm.logsf(z)


def test_it_keeps_the_contract():
    check_task_kind(Censored)


@pytest.mark.parametrize("label", [1e-3, 0.5, 20.0, 2e4, -1e-3, -0.5, -20.0, -2e4])
@pytest.mark.parametrize("logit", [-3.0, 0.0, 2.5, 9.0])
def test_loss_and_gradient_are_those_of_the_likelihood(label, logit):
    x, step = torch.tensor([[logit]], requires_grad=True), 1e-5
    found = KIND.row_losses(x, torch.tensor([[label]]))
    (slope,) = torch.autograd.grad(found.sum(), x)
    assert found.item() == pytest.approx(loss(label, logit), rel=1e-4, abs=1e-6)
    reference = (loss(label, logit + step) - loss(label, logit - step)) / (2 * step)
    assert slope.item() == pytest.approx(reference, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("logit", [-1e6, -200.0, 200.0, 1e6])
@pytest.mark.parametrize("label", [5.0, -5.0])
def test_extreme_logits_have_a_finite_loss_that_pulls_them_back(label, logit):
    x = torch.tensor([[logit]], requires_grad=True)
    found = KIND.row_losses(x, torch.tensor([[label]]))
    (slope,) = torch.autograd.grad(found.sum(), x)
    assert found.isfinite().all()
    assert slope.isfinite().all()
    right = label < 0 < logit  # a longer time than the censored one is as likely as can be
    assert slope.item() == 0 if right else slope.item() * logit > 0


def test_a_time_of_0_is_the_shortest_and_has_no_loss():
    x = torch.tensor([[3.0]], requires_grad=True)
    found = KIND.row_losses(x, torch.zeros(1, 1))
    assert (found.item(), *torch.autograd.grad(found.sum(), x)[0].tolist()[0]) == (0, 0)
    assert (
        KIND.metrics(np.array([0.0, 1.0, -2.0]), np.array([0.0, 1.0, 2.0]), None).values["concordance"] == 1
    )


def test_the_best_constant_has_the_least_loss():
    draw = np.random.default_rng(0)
    labels = np.exp(draw.standard_normal(300) + 9) * np.where(draw.random(300) < 0.3, -1, 1)
    best = KIND.constant(labels)
    losses = [sum(loss(label, logit) for label in labels) for logit in (best - 0.01, best, best + 0.01)]
    assert losses[1] == min(losses)
    assert KIND.constant(np.array([7.0])) == pytest.approx(math.log(7), abs=1e-3)


def test_metrics_by_hand_and_without_a_known_order():
    labels, logits = np.array([1.0, 2.0, -1.5]), np.log([1.0, 4.0, 3.0])
    values, reason, *_ = KIND.metrics(labels, logits, None)
    assert values == {"concordance": 1.0, "log_rmse": pytest.approx(math.log(2) / 2**0.5)}
    assert reason is None
    values, reason, *_ = KIND.metrics(np.array([-1.0, -2.0]), np.zeros(2), None)
    assert values == {"concordance": None, "log_rmse": None}
    assert reason == "no two rows have a known order"
    values, reason, *_ = KIND.metrics(np.array([0.0, -2.0]), np.zeros(2), None)
    assert values == {"concordance": 0.5, "log_rmse": None}
    assert reason == "no time above 0 is exact"
