"""RMSprop on rows: against the same over a whole table, by hand, and from rows that are read seldom."""

import math

import pytest
import torch
from torch import nn

from automtl_core.dataset.schema import SparseField
from automtl_core.modules.embedding import FieldEmbedding, LargeTable
from automtl_core.modules.features import Features
from automtl_core.training import row_rmsprop
from automtl_core.training.compute import CPU
from automtl_core.training.optimisers import Optimiser, weight_groups
from automtl_core.training.recipe import Recipe
from automtl_core.training.row_rmsprop import RowRMSprop

BETA = 0.999


class Whole:
    """The same over all rows of a table, as written down."""

    def __init__(self, table, lr, decay):
        self.w, self.v, self.lr, self.decay, self.steps = table.clone(), torch.zeros_like(table), lr, decay, 0

    def step(self, gradient):
        self.steps += 1
        d = gradient + self.decay * self.w
        self.v = BETA * self.v + (1 - BETA) * d**2
        self.w -= self.lr * d / ((self.v / (1 - BETA**self.steps)).sqrt() + 1e-8)


def sparse(rows, values, size):
    return torch.sparse_coo_tensor(rows[None], values, (size, values.shape[1]), check_invariants=True)


def test_without_decay_it_is_rmsprop_over_the_whole_table():
    torch.manual_seed(0)
    table = nn.Parameter(torch.randn(9, 2, dtype=torch.double))
    whole, rows = Whole(table.detach(), 0.01, 0.0), RowRMSprop([table], lr=0.01, weight_decay=0.0)
    for _ in range(50):
        read = torch.randperm(9)[:2]
        values = torch.randn(2, 2, dtype=torch.double)
        table.grad = sparse(read, values, 9)
        whole.step(table.grad.to_dense())
        rows.step()
    torch.testing.assert_close(table.detach(), whole.w, rtol=0, atol=1e-10)


def test_rows_that_each_step_reads_decay_as_in_the_whole_table():
    torch.manual_seed(0)
    table = nn.Parameter(torch.randn(3, 2, dtype=torch.double))
    whole, rows = Whole(table.detach(), 0.01, 0.3), RowRMSprop([table], lr=0.01, weight_decay=0.3)
    for _ in range(20):
        values = torch.randn(3, 2, dtype=torch.double)
        table.grad = sparse(torch.arange(3), values, 3)
        whole.step(values)
        rows.step()
    torch.testing.assert_close(table.detach(), whole.w, rtol=0, atol=1e-10)


def test_an_id_that_a_batch_reads_twice_has_the_sum_of_its_gradients():
    table = nn.Embedding(4, 1, sparse=True)
    table.weight.data.fill_(1.0)
    optimiser = RowRMSprop(table.parameters(), lr=0.1, weight_decay=0.0)
    table(torch.tensor([2, 2])).sum().backward()
    optimiser.step()
    # gradient 2 on row 2: the second moment is 0.001 * 4; the first step has the size of the learning rate
    assert optimiser.state[table.weight]["exp_avg_sq"].flatten().tolist() == pytest.approx([0, 0, 0.004, 0])
    assert table.weight.flatten().tolist() == pytest.approx([1, 1, 0.9, 1])


def test_a_row_shrinks_for_all_the_steps_that_it_missed():
    table = nn.Parameter(torch.tensor([[1.0], [2.0]], dtype=torch.double))
    optimiser = RowRMSprop([table], lr=0.1, weight_decay=0.5)
    for row in (0, 1, 1, 1):
        table.grad = sparse(torch.tensor([row]), torch.tensor([[4.0]], dtype=torch.double), 2)
        optimiser.step()
    before = 1 - 0.1  # the first step has the size of the learning rate
    assert table[0].item() == pytest.approx(before)
    optimiser.catch_up(table, torch.tensor([0]))
    spread = math.sqrt(0.001 * 4.5**2 / (1 - BETA**4))
    assert table[0].item() == pytest.approx(before * math.exp(-0.1 * 0.5 * 3 / spread))
    assert optimiser.state[table]["exp_avg_sq"][0].item() == pytest.approx(0.001 * 4.5**2 * BETA**3)
    now = table.detach().clone()
    optimiser.catch_up(table, torch.tensor([0, 1]))
    assert torch.equal(table, now), "nothing is missed twice"


def test_shrinkage_is_close_to_that_of_the_whole_table():
    torch.manual_seed(0)
    table = nn.Parameter(0.1 * torch.randn(40, 4, dtype=torch.double))
    whole, rows = Whole(table.detach(), 2e-3, 1e-2), RowRMSprop([table], lr=2e-3, weight_decay=1e-2)
    for step in range(300):
        read = torch.unique(torch.randint(40, (6,)) // (1 + step % 3)) if step else torch.arange(40)
        rows.catch_up(table, read)
        table.grad = sparse(read, 0.1 * torch.randn(len(read), 4, dtype=torch.double), 40)
        whole.step(table.grad.to_dense())
        rows.step()
    rows.settle()
    assert float((table.detach() - whole.w).norm() / whole.w.norm()) < 0.05


def of(user):
    return Features(torch.tensor([[user]]), torch.zeros(1, 0))


@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_rows_have_caught_up_when_they_are_read_and_when_all_are_settled(monkeypatch, chunk):
    monkeypatch.setattr("automtl_core.modules.embedding.WHOLE_TABLE", 5)
    monkeypatch.setattr(row_rmsprop, "CHUNK", chunk)
    net = FieldEmbedding((SparseField("user", 8),), 2, 1.0)
    assert isinstance(net.table, LargeTable)
    recipe = Recipe(learning_rate=0.1, embedding_decay=0.5)
    optimiser = Optimiser(weight_groups(net, dict(net.named_parameters()), recipe), CPU)
    for user in (1, 2, 3):
        optimiser.step(net(of(user)).sum().backward)
    before = net.table.weight.detach().clone()
    read = net(of(1)).detach()
    assert float(read.abs().sum()) < float(before[1].abs().sum())
    assert torch.equal(net.table.weight.detach()[2:], before[2:])
    optimiser.settle()
    assert float(net.table.weight[2].detach().abs().sum()) < float(before[2].abs().sum())
    settled = net.table.weight.detach().clone()
    net.eval()
    net(of(2))
    assert torch.equal(net.table.weight, settled)
