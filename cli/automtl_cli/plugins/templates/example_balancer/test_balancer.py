import torch
from automtl_core.dataset.schema import Task
from automtl_testing import check_balancer
from torch import nn

from example_balancer.balancer import HardestFirst, HardestFirstSettings


def test_contract() -> None:
    check_balancer(HardestFirst)


def test_a_low_temperature_leaves_the_largest_loss_alone() -> None:
    balancer = HardestFirst(HardestFirstSettings(temperature=0.01), [Task("click"), Task("buy")])
    weights = nn.Parameter(torch.ones(2))
    balancer.backward(weights * torch.tensor([1.0, 3.0]), torch.zeros(()), [weights])
    assert weights.grad is not None
    assert torch.allclose(weights.grad, torch.tensor([0.0, 3.0]))
