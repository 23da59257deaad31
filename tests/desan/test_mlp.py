"""MLPs alone, and several together against one by one."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from automtl_core.modules.relaxation import mixture
from automtl_core.ops import standalone
from automtl_desan.ops import MLP, LinearMLP

from .settled import X, normalised, settled


def test_an_mlp_drops_its_share_of_inputs_in_training_alone():
    torch.manual_seed(0)
    op, x = MLP(200, 3, 0.4, 200), torch.ones(5, 200)
    op.hidden.weight.data, op.hidden.bias.data = torch.eye(200), torch.zeros(200)
    op.rest = lambda hidden: hidden
    dropped, whole = op.train()(x).detach(), op.eval()(x).detach()
    assert 0.3 < (dropped == 0).float().mean() < 0.5
    assert dropped.max() == pytest.approx(1 / 0.6, rel=0.02), "what is left is scaled up"
    assert torch.equal(whole, x)


@pytest.mark.parametrize("training", [True, False])
def test_mlps_in_a_mixture_drop_inputs_too(training):
    ops, weights, x = [MLP(20, 3, 0.4, 8) for _ in range(2)], torch.tensor([0.5, 0.5]), torch.ones(5, 20)
    for op in ops:
        op.train(training)
    assert torch.equal(mixture(ops, weights, x), mixture(ops, weights, x)) is not training


def test_a_linear_mlp_ends_in_a_linear_layer():
    op = settled(LinearMLP(4, 3, 0.5, 8))
    hidden = normalised(op.norm, X @ op.hidden.weight.T + op.hidden.bias)
    assert torch.allclose(op(X), hidden.clamp(min=0) @ op.out.weight.T + op.out.bias, atol=1e-5)
    assert (op(torch.randn(50, 4)) < 0).any()


@pytest.mark.parametrize("training", [True, False])
def test_a_mixture_of_variants_is_evaluated_by_their_own_formula(training):
    ops = [settled(cls(4, 3, 0.0, 8)).train(training) for cls in (MLP, LinearMLP, LinearMLP, MLP)]
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    expected = sum(weight * op(X) for weight, op in zip(weights, ops, strict=True))
    assert torch.allclose(mixture(ops, weights, X), expected, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("nested", [False, True], ids=["beside", "nested"])
@pytest.mark.parametrize("cls", [MLP, LinearMLP])
def test_a_mixture_equals_the_sum_of_its_ops_gradients_too(cls, nested, training):
    torch.manual_seed(0)
    ops = nn.ModuleList(cls(4, 3, 0.0, width) for width in (8, 2, 5)).double().train(training)
    if nested:
        cls.share(list(ops))
    for p in ops.parameters():
        nn.init.normal_(p)
    x, weights = torch.randn(9, 4).double(), torch.tensor([0.2, 0.5, 0.3]).double()
    plain, leaves = deepcopy(ops), []
    found = []
    for each, how in ((ops, mixture), (plain, lambda ops, weights, x: sum(map(one, weights, ops, [x] * 3)))):
        leaves = [t.clone().requires_grad_() for t in (x, weights)]
        y = how(list(each), leaves[1], leaves[0])
        gradients = torch.autograd.grad(y.square().sum(), [*leaves, *each.parameters()])
        found.append([y, *gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def one(weight, op, x):
    return weight * op(x)


def test_some_of_the_nested_are_mixed_without_the_widest():
    torch.manual_seed(0)
    ops = [MLP(4, 3, 0.0, width).double() for width in (8, 2, 5)]
    MLP.share(ops)
    few, x = ops[1:], torch.randn(9, 4).double()
    alone = [deepcopy(standalone(op)) for op in few]
    weights = torch.tensor([0.4, 0.6]).double()
    expected = sum(weight * op(x) for weight, op in zip(weights, alone, strict=True))
    torch.testing.assert_close(mixture(few, weights, x), expected, rtol=0, atol=1e-10)
