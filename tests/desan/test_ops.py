import torch

from automtl_core.ops import ZeroFilled
from automtl_core.registry.plugins import load_registry
from automtl_desan.ops import Factorised, Identity, Sum, Zero
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import plain_schema
from automtl_testing.ops import check_op

from .settled import X, normalised, settled


def test_every_op_of_a_block_is_made_with_the_dropout_of_the_space():
    asked = []

    def op(name):
        def make(in_dim, out_dim, dropout):
            asked.append((name, dropout))
            return load_registry().op(name)(in_dim, out_dim, dropout)

        return make

    settings = DESANSettings(layers=1, experts=1, blocks=2, ops=("identity", "mlp-16"), dropout=0.37)
    DESAN(plain_schema(), settings, op).supernet()
    # an identity adds nothing where a block adds to what it reads
    assert asked == [("identity", 0.37), ("mlp-16", 0.37), ("mlp-16", 0.37)]


def test_identity_is_narrowed_to_its_projection_or_filled_with_zeros():
    projected = Identity(4, 2, 0.0)
    assert projected.narrow([1]).weight.tolist() == projected.projection.weight[:, [1]].tolist()
    filled = Identity(3, 3, 0.0).narrow([2])
    assert isinstance(filled, ZeroFilled)
    assert filled(torch.tensor([[7.0]])).tolist() == [[0, 0, 7]]


def test_zero_learns_nothing():
    assert list(Zero(3, 2, 0.5).parameters()) == []


def test_factorised_multiplies_two_linear_layers_and_adds_the_second():
    op = settled(Factorised(4, 3, 0.5, 8))
    h1, h2 = (X @ layer.weight.T + layer.bias for layer in (op.one, op.two))
    assert torch.allclose(
        op(X), normalised(op.norm, h2 + h1 * h2) @ op.out.weight.T + op.out.bias, rtol=1e-4, atol=1e-4
    )


def test_products_drop_their_share_of_inputs_in_training_alone():
    op = settled(Factorised(4, 3, 0.5, 2))
    assert torch.equal(op(X), op(X))
    op.train()
    assert not torch.equal(op(X), op(X))


def sum_of(in_dim, out_dim, dropout):
    op = load_registry().op
    return Sum.of([op("mlp-linear-8"), op("identity"), op("factorised-4")], in_dim, out_dim, dropout)


def test_a_sum_adds_what_its_ops_give_and_keeps_the_contract():
    summed = sum_of(4, 3, 0.5).eval()
    assert torch.allclose(summed(X), sum(op(X) for op in summed.ops))
    check_op(sum_of)
