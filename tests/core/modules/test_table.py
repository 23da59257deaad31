"""Tables whose steps update some rows: against all rows, by hand, and from rows that are read seldom."""

import math

import pytest
import torch

from automtl_core.dataset.schema import SparseField
from automtl_core.modules import table as tables
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.table import RowTable
from automtl_core.training.compute import CPU
from automtl_core.training.optimisers import Optimiser, weight_groups
from automtl_core.training.recipe import Recipe

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


def table_of(values):
    """Return a table of rows with these values."""
    table = RowTable(*values.shape).double()
    table.weight.data.copy_(values)
    return table


def step(rule, rows, values):
    """Take a step by a gradient of some rows."""
    weight = rule.weight
    weight.grad = torch.sparse_coo_tensor(rows[None], values, weight.shape, check_invariants=True)
    rule.step()


def test_rows_that_each_step_reads_decay_as_in_the_whole_table():
    torch.manual_seed(0)
    table = table_of(torch.randn(3, 2, dtype=torch.double))
    whole, rule = Whole(table.weight.detach(), 0.01, 0.3), table.rule(0.01, 0.3)
    for _ in range(20):
        values = torch.randn(3, 2, dtype=torch.double)
        step(rule, torch.arange(3), values)
        whole.step(values)
    torch.testing.assert_close(table.weight.detach(), whole.w, rtol=0, atol=1e-10)


def test_a_row_shrinks_for_all_the_steps_that_it_missed():
    table = table_of(torch.tensor([[1.0], [2.0]]))
    rule, weight = table.rule(0.1, 0.5), table.weight
    for row in (0, 1, 1, 1):
        step(rule, torch.tensor([row]), torch.tensor([[4.0]], dtype=torch.double))
    before = 1 - 0.1  # the first step has the size of the learning rate
    assert weight[0].item() == pytest.approx(before)
    rule.catch_up(torch.tensor([0]))
    spread = math.sqrt(0.001 * 4.5**2 / (1 - BETA**4))
    assert weight[0].item() == pytest.approx(before * math.exp(-0.1 * 0.5 * 3 / spread))
    assert rule.state["exp_avg_sq"][0].item() == pytest.approx(0.001 * 4.5**2 * BETA**3)
    now = weight.detach().clone()
    rule.catch_up(torch.tensor([0, 1]))
    assert torch.equal(weight, now), "nothing is missed twice"


def test_shrinkage_is_close_to_that_of_the_whole_table():
    torch.manual_seed(0)
    table = table_of(0.1 * torch.randn(40, 4, dtype=torch.double))
    whole, rule = Whole(table.weight.detach(), 2e-3, 1e-2), table.rule(2e-3, 1e-2)
    for number in range(300):
        read = torch.unique(torch.randint(40, (6,)) // (1 + number % 3)) if number else torch.arange(40)
        rule.catch_up(read)
        step(rule, read, 0.1 * torch.randn(len(read), 4, dtype=torch.double))
        whole.step(table.weight.grad.to_dense())
    rule.settle()
    assert float((table.weight.detach() - whole.w).norm() / whole.w.norm()) < 0.05


def of(user):
    return Features(torch.tensor([[user]]), torch.zeros(1, 0))


@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_rows_have_caught_up_when_they_are_read_and_when_all_are_settled(monkeypatch, chunk):
    monkeypatch.setattr(tables, "WHOLE_TABLE", 5)
    monkeypatch.setattr(tables, "CHUNK", chunk)
    net = FieldEmbedding((SparseField("user", 8),), 2, 1.0)
    assert isinstance(net.table, RowTable)
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
