"""Optimisers: what moves, what is forgotten, and going on from a state."""

import pytest
import torch
from torch import nn

from automtl_core.disk.state import load_state, save_state
from automtl_core.errors import PluginError
from automtl_core.modules.table import RowAverage, RowTable, WholeTable
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.optimisers import Group, Optimiser, weight_groups
from automtl_core.training.recipe import Recipe

from .fits import assert_resumes, make as make_fit


class Model(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        torch.manual_seed(0)
        self.table = (RowTable if sparse else WholeTable)(50, 3)
        self.linear = nn.Linear(3, 1)

    def forward(self, step):
        return self.linear(self.table(torch.tensor([step % 7, 2, step % 3]))).square().sum()


def make(sparse):
    model = Model(sparse)
    recipe = Recipe(learning_rate=0.01, embedding_decay=0.01)
    return model, Optimiser(weight_groups(model, dict(model.named_parameters()), recipe), CPU)


def run(model, optimiser, steps):
    for step in steps:
        optimiser.step(model(step).backward)


@pytest.mark.parametrize("sparse", [False, True], ids=["whole table", "rows"])
def test_goes_on_from_a_state_to_the_same_bytes(sparse, tmp_path):
    whole, optimiser = make(sparse)
    run(whole, optimiser, range(10))
    half, optimiser = make(sparse)
    run(half, optimiser, range(5))
    save_state(tmp_path / "s", {"model": half.state_dict(), "optimiser": optimiser.state_dict()})
    rest, optimiser = make(sparse)
    state = load_state(tmp_path / "s")
    rest.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    run(rest, optimiser, range(5, 10))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, rest.state_dict()[name]), name


def test_only_what_is_to_move_moves():
    model, optimiser = make(sparse=False)
    before = model.table.weight.detach().clone()
    optimiser.step(model(1).backward, [model.linear.weight])
    assert torch.equal(model.table.weight, before)
    assert set(optimiser.state_dict()) == {"linear.weight"}


def test_groups_have_their_own_step_size_and_decay():
    a, b = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))
    optimiser = Optimiser([Group({"a": a}, 0.1, 0.0), Group({"b": b}, 0.2, 5.0)], CPU)
    optimiser.step((a - b).sum().backward)
    # gradients 1 and -1 + 5 * 1: the first step has the size of the learning rate
    assert (a.item(), b.item()) == pytest.approx((0.9, 0.8))


def test_parameters_without_a_gradient_stay():
    model, optimiser = make(sparse=True)
    unused = nn.Parameter(torch.ones(1))
    optimiser = Optimiser([Group({"unused": unused, "w": model.linear.weight}, 0.1, 0.5)], CPU)
    optimiser.step(model(1).backward)
    assert unused.item() == 1.0


def test_sparse_gradients_are_those_of_a_table():
    model = nn.Sequential(nn.Embedding(3, 1, sparse=True))
    with pytest.raises(PluginError, match="sparse gradients"):
        weight_groups(model, dict(model.named_parameters()), Recipe())


class SlowTable(RowTable):
    """A kind of table that no other code knows: it moves by a hundredth of its gradient."""

    def rule(self, learning_rate, decay):
        return Slow(self)

    def average(self, mean):
        self.averages = [Last(self.weight, mean.weight)]
        return self.averages[0]


class Slow:
    factor = 1.0

    def __init__(self, table):
        self.weight, self.state, self.settled = (
            table.weight,
            {"exp_avg_sq": torch.zeros(table.weight.shape)},
            0,
        )

    def step(self, shared):
        with torch.no_grad():
            self.weight -= 0.01 * self.weight.grad.to_dense()

    def load(self, state):
        self.state = dict(state)

    def settle(self):
        self.settled += 1


class Last(RowAverage):
    """No average: the last rows."""

    def update(self, share):
        self.mean.data.copy_(self.weight)

    def settle(self):
        pass


def test_a_kind_of_table_is_one_class(problem, monkeypatch, tmp_path):
    monkeypatch.setattr("automtl_core.modules.embedding.table_of", SlowTable)
    fit = make_fit(problem, average_weights=True, epochs=2)
    (rule,) = fit.optimiser.rules.values()
    before = rule.weight.detach().clone()
    fit.run(EventHandler())
    assert rule.settled == 2
    assert not torch.equal(rule.weight, before)
    assert "inputs.embedding.table.weight" in fit.optimiser.state_dict()
    assert_resumes(problem, tmp_path / "state", 1, average_weights=True)
