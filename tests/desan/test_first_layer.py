"""Several first layers as one, against one by one; and one mask for all."""

import torch
from torch import nn

from automtl_desan.first_layer import first_layers
from automtl_desan.mlp import MLP, LinearMLP
from automtl_desan.ops import Factorised, Identity, Sum


def test_first_layers_are_those_of_each_op_gradients_too():
    torch.manual_seed(0)
    ops, x = [MLP(5, 3, 0.0, 4).double(), Factorised(5, 3, 0.0, 2).double()], torch.randn(7, 5).double()
    weights = [w for op in ops for w in op.parameters()]
    found = []
    for hidden in (first_layers(ops, x), [torch.nn.functional.linear(x, *op.first()) for op in ops]):
        given = [op.rest(own) for op, own in zip(ops, hidden, strict=True)]
        found.append([*hidden, *torch.autograd.grad(sum(given).square().sum(), weights)])
    assert [tuple(h.shape) for h in found[0][:2]] == [(7, 4), (7, 4)]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_a_sum_is_that_of_its_ops_whatever_they_begin_with():
    torch.manual_seed(0)
    parts = [LinearMLP(5, 3, 0.5, 4), Identity(5, 3, 0.5), Factorised(5, 3, 0.5, 2)]
    for p in nn.ModuleList(parts).parameters():
        nn.init.normal_(p)
    whole, x = Sum(parts, 5).eval(), torch.randn(7, 5)
    assert torch.allclose(whole(x), sum(part(x) for part in parts), atol=1e-5)


def test_parts_of_a_sum_see_the_same_mask():
    torch.manual_seed(0)
    one, two = MLP(200, 200, 0.5, 200), MLP(200, 200, 0.5, 200)
    for op in (one, two):
        op.hidden.weight.data, op.hidden.bias.data = torch.eye(200), torch.zeros(200)
        op.rest = lambda hidden: hidden
    first, second = first_layers([one, two], torch.ones(9, 200))
    assert torch.equal(first, second)
    assert 0.4 < (first == 0).float().mean() < 0.6
    assert not torch.equal(one(torch.ones(9, 200)), two(torch.ones(9, 200)))
