"""What a step minimises."""

import pytest
import torch
from torch import nn

from automtl_core.data.batches import Batch
from automtl_core.errors import DivergedError
from automtl_core.space import Supernet
from automtl_core.training.loop import Penalised, objective, task_losses

BATCH = Batch(torch.zeros(2, 1).long(), torch.ones(2, 1), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
ONES = torch.ones(2)


class Plain(nn.Module):
    """Two logits that are weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, -1.0]))

    def forward(self, ids, dense):
        return dense * self.weight


class Squares(Plain):
    """Adds the sum of all squared logits, which are twice 1/4 and twice 1."""

    def penalty(self, logits):
        return logits.square().sum()


def test_a_penalty_is_added_once_and_to_no_task():
    plain, plain_losses = objective(Plain(), BATCH, ONES)
    loss, losses = objective(Squares(), BATCH, ONES)
    assert loss.item() == pytest.approx(plain.item() + 2.5)
    assert torch.equal(losses, plain_losses)
    assert torch.equal(losses, task_losses(Plain()(BATCH.ids, BATCH.dense), BATCH.labels))


def test_loss_weights_leave_the_penalty_as_it_is():
    plain, _ = objective(Plain(), BATCH, torch.tensor([3.0, 0.0]))
    loss, _ = objective(Squares(), BATCH, torch.tensor([3.0, 0.0]))
    assert loss.item() == pytest.approx(plain.item() + 2.5)


def test_the_penalty_is_minimised():
    plain, squares = Plain(), Squares()
    for model in (plain, squares):
        objective(model, BATCH, ONES)[0].backward()
    # the derivative of w * w over two rows
    assert (squares.weight.grad - plain.weight.grad).tolist() == pytest.approx([2.0, -4.0])


def test_a_penalty_that_is_not_finite_stops_training():
    class Broken(Plain):
        def penalty(self, logits):
            return logits.sum() * float("inf")

    with pytest.raises(DivergedError):
        objective(Broken(), BATCH, ONES)


def test_a_supernet_passes_on_the_penalty_of_its_network():
    supernet = Supernet(Squares(), {})
    assert isinstance(supernet, Penalised)
    assert objective(supernet, BATCH, ONES)[0].item() == objective(Squares(), BATCH, ONES)[0].item()


def test_a_supernet_of_a_network_without_penalty_has_none():
    supernet = Supernet(Plain(), {})
    assert supernet.penalty(torch.ones(2, 2)).item() == 0
    assert objective(supernet, BATCH, ONES)[0].item() == objective(Plain(), BATCH, ONES)[0].item()
