"""Optimisers and the moving average: updates, and continuation from a state."""

import pytest
import torch
from torch import nn

from automtl_core.errors import PluginError
from automtl_core.modules.features import Features
from automtl_core.modules.table import RowTable, Table
from automtl_core.system.state import load_state, save_state
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU
from automtl_core.training.optimisers import Group, Optimiser, WeightAverage, weight_groups
from automtl_core.training.recipe import Recipe
from automtl_testing.requirements import same_weights


class Model(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        torch.manual_seed(0)
        self.table = (RowTable if sparse else Table)(50, 3)
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
    (whole, optimiser), half, rest = (make(sparse) for _ in range(3))
    run(whole, optimiser, range(10))
    run(*half, range(5))
    save_state(tmp_path / "s", {str(k): one.state_dict() for k, one in enumerate(half)})
    for k, one in enumerate(rest):
        one.load_state_dict(load_state(tmp_path / "s")[str(k)])
    run(*rest, range(5, 10))
    assert same_weights(whole.state_dict(), rest[0].state_dict())


def test_only_what_is_to_move_moves_and_groups_have_their_own_step_size_and_decay():
    a, b = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))
    optimiser = Optimiser([Group({"a": a}, 0.1, 0.0), Group({"b": b}, 0.2, 5.0)], CPU)
    optimiser.step((a - b).sum().backward)
    # gradients 1 and -1 + 5 * 1: the first step has the size of the learning rate
    assert (a.item(), b.item()) == pytest.approx((0.9, 0.8))
    model, optimiser = make(sparse=False)
    before = model.table.weight.detach().clone()
    optimiser.step(model(1).backward, [model.linear.weight])
    assert torch.equal(model.table.weight, before)
    assert set(optimiser.state_dict()) == {"linear.weight"}


def test_sparse_gradients_are_those_of_a_table():
    model = nn.Sequential(nn.Embedding(3, 1, sparse=True))
    with pytest.raises(PluginError, match="sparse gradients"):
        weight_groups(model, dict(model.named_parameters()), Recipe())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 2)
        self.linear = nn.Linear(2, 2, bias=False)
        self.norm = nn.BatchNorm1d(2)
        self.drop = nn.Dropout(0.5)

    def forward(self, features):
        return self.norm(self.drop(self.linear(features.dense)))


def follow(average, values):
    """Let the weight of a layer take these values, one a step, and return the averages after each."""
    seen = []
    for value in values:
        average.trained.linear.weight.data.fill_(value)
        average.update()
        seen.append(float(average.network.linear.weight[0, 0].detach()))
    return seen


def test_steps_count_alike_until_the_span_and_then_fade():
    average = WeightAverage(Net(), span=3, compute=CPU)
    # means of 8; 8, 2; 8, 2, 2; then 4 + (10 - 4) / 3 and 6 + (6 - 6) / 3
    assert follow(average, [8.0, 2.0, 2.0, 10.0, 6.0]) == pytest.approx([8, 5, 4, 6, 6])


@pytest.mark.parametrize("span", [0.0, 0.6, 1.0])
def test_without_a_span_there_is_no_copy(span):
    net = Net()
    average = WeightAverage(net, span, CPU)
    assert average.network is net
    assert average.state_dict() == {}
    before = net.norm.running_var.clone()
    average.recalibrate_batchnorm([batch(5.0)])
    assert torch.equal(net.norm.running_var, before)


def batch(scale):
    dense = scale * torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]])
    return Batch(Features(torch.zeros(4, 1).long(), dense), torch.zeros(4, 1))


def test_statistics_are_plain_means_over_batches_of_the_averaged_weights_without_dropout():
    average = WeightAverage(Net(), span=3, compute=CPU)
    average.network.train()(batch(100.0).features)
    follow(average, [8.0, 2.0])  # 5 on average: a row gives 5 times the sum of its values
    average.recalibrate_batchnorm([batch(1.0), batch(3.0)])
    # rows give 5, 5, 10, 0: mean 5, variance 50/3; and three times that: mean 15, variance 150
    norm = average.network.norm
    assert norm.running_mean.tolist() == pytest.approx([10.0, 10.0])
    assert norm.running_var.tolist() == pytest.approx([(50 / 3 + 150) / 2] * 2)
    assert (norm.training, norm.momentum, norm.num_batches_tracked.item()) == (False, 0.1, 2)


def test_the_rows_of_a_large_table_are_averaged_as_any_weight(monkeypatch):
    monkeypatch.setattr("automtl_core.modules.table.CHUNK", 4)
    torch.manual_seed(0)
    table = RowTable(10, 2).double()
    average = WeightAverage(table, span=6, compute=CPU)
    assert average.network is not table
    mean = table.weight.detach().clone()
    for step in range(1, 31):
        places = torch.randint(10, (3,))
        table.read(places)
        table.read(places[:1])  # as where a forward pass reads it twice
        with torch.no_grad():
            table.weight[places] = torch.randn(3, 2, dtype=torch.double)
        average.update()
        mean += (table.weight.detach() - mean) / min(step, 6)
        if step in (7, 30):
            torch.testing.assert_close(average.network.weight.detach(), mean, rtol=0, atol=1e-10)
    other = WeightAverage(table, span=6, compute=CPU)
    other.load_state_dict(average.state_dict())
    for one in (average, other):
        one.update()
    assert torch.equal(average.network.weight, other.network.weight)


def test_buffers_are_those_of_the_network_after_each_step():
    net = Net()
    average = WeightAverage(net, span=3, compute=CPU)
    net.norm(torch.tensor([[1.0, 2.0], [5.0, 4.0]]))
    average.update()
    assert same_weights(dict(average.network.named_buffers()), dict(net.named_buffers()))
    assert average.network.norm.running_mean.tolist() == pytest.approx([0.3, 0.3])
