"""One loss of the losses of tasks."""

import pytest
import torch
from torch import nn

from automtl_balancers.scalarizers import STCH, GeometricMean, STCHSettings
from automtl_core.dataset.schema import Task
from automtl_core.settings.settings import Settings

pytest.importorskip("torchjd", reason="TorchJD is not installed: pip install 'automtl[torchjd]'")

TASKS = [Task("click"), Task("like")]


def gradient(balancer, losses):
    w = nn.Parameter(torch.ones(2))
    balancer.backward(w * torch.tensor(losses), torch.zeros(()), [w])
    return w.grad.tolist()


def test_the_geometric_mean():
    assert gradient(GeometricMean(Settings(), TASKS), [1.0, 4.0]) == pytest.approx([1.0, 1.0])


def test_a_task_without_a_label_has_no_part_in_it():
    assert gradient(GeometricMean(Settings(), TASKS), [3.0, 0.0]) == pytest.approx([3.0, 0.0])
    assert gradient(GeometricMean(Settings(), TASKS), [0.0, 0.0]) == [0.0, 0.0]


def test_the_smaller_mu_the_more_the_largest_loss_counts():
    shares = [gradient(STCH(STCHSettings(mu=mu), TASKS), [1.0, 2.0])[0] for mu in (10.0, 0.1)]
    assert shares[0] > 10 * shares[1] > 0
