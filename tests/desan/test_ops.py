import pytest
import torch
from torch import nn

from automtl_core.modules.relaxed import mixture
from automtl_core.ops import ZeroFilled
from automtl_core.plugins import load_registry
from automtl_core.testing import plain_schema
from automtl_desan.ops import MLP, Identity, Zero, narrow_linear
from automtl_desan.space import DESAN, DESANSettings


def test_every_op_of_a_block_is_made_with_the_dropout_of_the_space():
    asked = []

    def op(name):
        def make(in_dim, out_dim, dropout):
            asked.append((name, dropout))
            return load_registry().op(name)(in_dim, out_dim, dropout)

        return make

    settings = DESANSettings(layers=1, experts=1, blocks=2, ops=("identity", "mlp-16"), dropout=0.37)
    DESAN(plain_schema(), settings, op).supernet()
    assert asked == [("identity", 0.37), ("mlp-16", 0.37)] * 2


def test_an_mlp_drops_its_share_of_inputs_in_training_alone():
    torch.manual_seed(0)
    op, seen = MLP(200, 3, 0.4, 8), []
    op.hidden.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = torch.ones(5, 200)
    op.train()(x)
    op.eval()(x)
    dropped, whole = seen
    assert 0.3 < (dropped == 0).float().mean() < 0.5
    assert dropped.max() == pytest.approx(1 / 0.6), "what is left is scaled up"
    assert torch.equal(whole, x)


@pytest.mark.parametrize("training", [True, False])
def test_mlps_in_a_mixture_drop_inputs_too(training):
    ops, weights, x = [MLP(20, 3, 0.4, 8) for _ in range(2)], torch.tensor([0.5, 0.5]), torch.ones(5, 20)
    for op in ops:
        op.train(training)
    assert torch.equal(mixture(ops, weights, x), mixture(ops, weights, x)) is not training


def test_a_layer_is_narrowed_to_the_weights_of_some_inputs():
    linear = nn.Linear(4, 2)
    x = torch.randn(3, 2)
    full = torch.zeros(3, 4)
    full[:, [0, 3]] = x
    assert torch.allclose(narrow_linear(linear, [0, 3])(x), linear(full))


def test_a_layer_without_inputs_is_its_bias():
    linear = nn.Linear(4, 2)
    assert torch.equal(narrow_linear(linear, [])(torch.zeros(3, 0)), linear.bias.expand(3, 2))


def test_identity_is_narrowed_to_its_projection_or_filled_with_zeros():
    projected = Identity(4, 2, 0.0)
    assert projected.narrow([1]).weight.tolist() == projected.projection.weight[:, [1]].tolist()
    filled = Identity(3, 3, 0.0).narrow([2])
    assert isinstance(filled, ZeroFilled)
    assert filled(torch.tensor([[7.0]])).tolist() == [[0, 0, 7]]


def test_zero_learns_nothing():
    assert list(Zero(3, 2, 0.5).parameters()) == []
