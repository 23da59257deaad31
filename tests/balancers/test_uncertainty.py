"""Weights by uncertainty, as in the paper."""

import pytest
import torch
from torch import nn

from automtl_balancers.balancers import Uncertainty
from automtl_core.dataset.schema import Task
from automtl_core.settings.settings import Settings

TASKS = [Task("click"), Task("price", kind="regression"), Task("like")]


def backward(losses, log_variances):
    balancer = Uncertainty(Settings(), TASKS)
    balancer.log_variances.data = torch.tensor(log_variances)
    w = nn.Parameter(torch.ones(3))
    balancer.backward(w * torch.tensor(losses), torch.zeros(()), [w, balancer.log_variances])
    return w.grad, balancer.log_variances.grad


def test_the_weights_are_those_of_the_paper():
    s = torch.tensor([0.5, -1.0, 2.0])
    losses = torch.tensor([0.3, 0.8, 0.1])
    weights = torch.exp(-s) * torch.tensor([1.0, 0.5, 1.0])
    grad, of_variances = backward(losses.tolist(), s.tolist())
    torch.testing.assert_close(grad, weights * losses / 3)
    torch.testing.assert_close(of_variances, (0.5 - weights * losses) / 3)


def test_at_the_start_it_is_the_mean_with_half_of_a_regression():
    grad, _ = backward([1.0, 1.0, 1.0], [0.0] * 3)
    assert (3 * grad).tolist() == pytest.approx([1.0, 0.5, 1.0])


def test_the_variance_of_a_task_without_a_label_stays():
    _, grad = backward([1.0, 1.0, 0.0], [0.0] * 3)
    assert grad[2] == 0.0
    assert grad[0] != 0.0
