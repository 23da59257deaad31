import pytest
import torch
from torch import nn

from automtl_baselines.parts import Inputs, Sizes, Towers, funnel_steps, mlp, tower
from automtl_core.errors import UsageError
from automtl_core.schema import DenseField, Schema, SparseField, Task
from automtl_core.settings import Settings


def schema(*tasks):
    return Schema((SparseField("a", 2), SparseField("b", 3)), (DenseField("x"),), tasks or (Task("click"),))


def test_inputs_are_embeddings_then_dense_values():
    inputs = Inputs(schema(), dim=2, std=0.1)
    inputs.embedding.table.weight.data = torch.arange(10.0).reshape(5, 2)
    # row 1 of a; b starts at row 2, so that its id 2 is row 4
    assert inputs(torch.tensor([[1, 2]]), torch.tensor([[0.5]])).tolist() == [[2, 3, 8, 9, 0.5]]
    assert inputs.width == 5


def test_a_layer_is_linear_norm_relu_dropout():
    layers = mlp([4, 3, 2], 0.3)
    assert [type(m) for m in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout] * 2
    assert [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)] == [(4, 3), (3, 2)]
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.3}


def test_a_tower_ends_in_one_logit():
    assert isinstance(tower(4, (3,), 0.3)[-1], nn.Linear)
    assert [m.out_features for m in tower(4, (3,), 0.3) if isinstance(m, nn.Linear)] == [3, 1]
    assert len(tower(4, (), 0.3)) == 1


def test_towers_read_one_input_each():
    towers = Towers(1, 2, Sizes(tower_layers=()))
    for top, weight in zip(towers, (2.0, 3.0), strict=True):
        top[0].weight.data.fill_(weight)
        top[0].bias.data.zero_()
    assert towers([torch.tensor([[1.0]]), torch.tensor([[5.0]])]).tolist() == [[2.0, 15.0]]


def test_steps_of_a_funnel_are_columns_and_earlier_ones_come_first():
    tasks = (Task("pay", "buy"), Task("share"), Task("click"), Task("buy", "click"), Task("like", "click"))
    assert funnel_steps(schema(*tasks), "ESMM") == [(3, 2), (4, 2), (0, 3)]


def test_tasks_without_order_have_no_steps():
    with pytest.raises(UsageError, match="ESMM needs tasks that come after one another"):
        funnel_steps(schema(Task("a"), Task("b")), "ESMM")


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")
