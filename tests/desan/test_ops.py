"""Ops alone, several together against one by one, and nested widths."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.modules.relaxation import mixture
from automtl_core.ops import narrowed, share_alike, standalone
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_desan.ops import MLP, Factorised, LinearMLP, Sum
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import plain_schema
from automtl_testing.ops import check_op
from automtl_testing.samples import sample_part


def settled(op):
    """Return the op in evaluation, with statistics and weights that tell its parts apart."""
    torch.manual_seed(0)
    for parameter in op.parameters():
        nn.init.normal_(parameter)
    for _ in range(3):
        op.train()(3 * torch.randn(20, 4) + 1)
    return op.eval()


def normalised(norm, x):
    return (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias


X = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, -1.0, 2.0]])


def test_factorised_multiplies_two_linear_layers_and_adds_the_second():
    op = settled(Factorised(4, 3, 0.5, 8))
    h1, h2 = (X @ layer.weight.T + layer.bias for layer in (op.one, op.two))
    assert torch.allclose(
        op(X), normalised(op.norm, h2 + h1 * h2) @ op.out.weight.T + op.out.bias, rtol=1e-4, atol=1e-4
    )


def sum_of(in_dim, out_dim, dropout):
    op = load_registry().op
    return Sum.of([op("mlp-linear-8"), op("identity"), op("factorised-4")], in_dim, out_dim, dropout)


def test_a_sum_adds_what_its_ops_give_and_keeps_the_contract():
    summed = sum_of(4, 3, 0.5).eval()
    assert torch.allclose(summed(X), sum(op(X) for op in summed.ops))
    check_op(sum_of)


def test_an_mlp_drops_its_share_of_inputs_in_training_alone():
    torch.manual_seed(0)
    op, x = MLP(200, 3, 0.4, 200), torch.ones(5, 200)
    op.hidden.weight.data, op.hidden.bias.data = torch.eye(200), torch.zeros(200)
    op.rest = lambda hidden: hidden
    dropped, whole = op.train()(x).detach(), op.eval()(x).detach()
    assert 0.3 < (dropped == 0).float().mean() < 0.5
    assert dropped.max() == pytest.approx(1 / 0.6, rel=0.02), "what is left is scaled up"
    assert torch.equal(whole, x)


def test_a_linear_mlp_ends_in_a_linear_layer():
    op = settled(LinearMLP(4, 3, 0.5, 8))
    hidden = normalised(op.norm, X @ op.hidden.weight.T + op.hidden.bias)
    assert torch.allclose(op(X), hidden.clamp(min=0) @ op.out.weight.T + op.out.bias, atol=1e-5)
    assert (op(torch.randn(50, 4)) < 0).any()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("nested", ["", "all", "without the widest"])
@pytest.mark.parametrize("cls", [MLP, LinearMLP])
def test_a_mixture_equals_the_sum_of_its_ops_gradients_too(cls, nested, training):
    torch.manual_seed(0)
    ops = [cls(4, 3, 0.0, width).double().train(training) for width in (8, 2, 5)]
    if nested:
        cls.share(ops)
    for p in nn.ModuleList(ops).parameters():
        nn.init.normal_(p)
    x, weights = torch.randn(9, 4).double(), torch.tensor([0.2, 0.5, 0.3]).double()
    first, found = 1 if nested == "without the widest" else 0, []
    for way in (mixture, lambda ops, weights, x: sum(map(torch.mul, weights, [op(x) for op in ops]))):
        each = nn.ModuleList(deepcopy(ops))
        leaves = [tensor.clone().requires_grad_() for tensor in (x, weights)]
        y = way(list(each)[first:], leaves[1][first:], leaves[0])
        gradients = torch.autograd.grad(y.square().sum(), [*leaves, *each.parameters()], allow_unused=True)
        found.append([y, *gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


CLASSES = [MLP, LinearMLP, Factorised]
BLOCK = "layer0/expert0/block0"
OPS = ("identity", "mlp-linear-4", "mlp-linear-8", "mlp-linear-4+factorised-2", "mlp-linear-8+factorised-4")


def nested_sum(width, in_dim=6, out_dim=3, dropout=0.0):
    parts = [partial(LinearMLP, width=width), partial(Factorised, width=width // 2)]
    return Sum.of(parts, in_dim, out_dim, dropout)


MAKERS = [*(partial(lambda cls, width: cls(6, 3, 0.0, width), cls) for cls in CLASSES), nested_sum]


def pair(make):
    """Return a wide op and a narrow one that is its first units, in double precision."""
    torch.manual_seed(0)
    wide, narrow = make(8).double(), make(4).double()
    for norm in wide.modules():
        if isinstance(norm, nn.BatchNorm1d):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    wide.train()(rows(1))
    type(wide).share([narrow, wide])
    return wide, narrow


def rows(seed):
    return torch.randn(10, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def modes(training, *ops):
    for op in ops:
        op.train(training)


@pytest.mark.parametrize("make", MAKERS)
def test_a_nested_op_is_the_op_of_its_width_with_the_first_units(make):
    wide, narrow = pair(make)
    alone = standalone(narrow)
    assert {n: p.shape for n, p in alone.named_parameters()} == {
        n: p.shape for n, p in make(4).named_parameters()
    }
    for training in (True, False):  # in evaluation with the statistics of that step
        modes(training, wide, narrow, alone)
        assert torch.allclose(narrow(rows(2)), alone(rows(2)), atol=1e-12)
    assert not torch.allclose(narrow(rows(2)), wide(rows(2)))


@pytest.mark.parametrize("make", MAKERS)
def test_statistics_and_gradients_are_of_the_first_units_alone(make):
    wide, narrow = pair(make)
    before = {n: b.clone() for n, b in wide.named_buffers()}
    narrow.train()(rows(2)).square().sum().backward()
    for name, buffer in wide.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            w = len(buffer) // 2
            assert (buffer[:w] != before[name][:w]).all()
            assert torch.equal(buffer[w:], before[name][w:])
    for name, p in wide.named_parameters():
        if not name.endswith("out.bias"):  # which all widths have in common
            units = p.grad.T if name.endswith("out.weight") else p.grad
            w = len(units) // 2
            assert units[:w].any(), name
            assert not units[w:].any(), name


@pytest.mark.parametrize("make", MAKERS)
def test_narrowed_ops_share_too_and_are_narrowed_once_taken_out(make):
    torch.manual_seed(0)
    columns = [0, 2, 5]
    x, full = rows(2)[:, :3], torch.zeros(10, 6, dtype=torch.float64)
    full[:, columns] = x
    wide, narrow = pair(make)
    modes(False, wide, narrow)
    assert torch.allclose(narrowed(standalone(narrow), columns, 6).eval()(x), narrow(full), atol=1e-12)
    few = [narrowed(make(width).double(), columns, 6) for width in (8, 4)]
    share_alike(few)
    modes(False, *few)
    assert torch.allclose(standalone(few[1])(x), few[1](x), atol=1e-12)


def supernet(**settings):
    torch.manual_seed(0)
    sizes = DESANSettings(
        embedding_dim=4, experts=1, expert_width=8, tower_width=8, dropout=0.0, ops=OPS, **settings
    )
    return DESAN(plain_schema(), sizes, load_registry().op).supernet()


def said(net, decision):
    batch = take(sample_part(plain_schema(), 16, seed=0), np.arange(16), torch.device("cpu"))
    with net.following({BLOCK: decision}):
        return net(batch.features).detach()


def test_a_copy_of_a_supernet_shares_inside_the_copy():
    net = supernet().eval()
    before = {op: said(net, op) for op in OPS}
    copy = deepcopy(net)
    candidates = copy.questions[BLOCK].candidates
    assert candidates["mlp-linear-4"].wider == (candidates["mlp-linear-8"],)
    with torch.no_grad():
        for p in candidates.parameters():
            p.zero_()
    for op in OPS:
        assert torch.equal(said(net, op), before[op])
        assert not torch.equal(said(copy, op), before[op])


def test_weights_of_a_supernet_are_registered_once():
    net, apart = supernet(), supernet(nested=False)
    owners = [name for name, _ in net.questions[BLOCK].candidates.named_parameters()]
    assert len(owners) == len(set(owners))
    assert {name.split(".")[0] for name in owners} == {
        "identity",
        "mlp-linear-8",
        "mlp-linear-8+factorised-4",
    }
    assert sum(p.numel() for p in net.parameters()) < sum(p.numel() for p in apart.parameters())
    assert not any(op.wider for op in apart.modules() if isinstance(op, MLP | Factorised))


@pytest.mark.parametrize("op", OPS)
def test_what_is_fixed_has_weights_of_its_own(op):
    net = supernet().eval()
    before = said(net, op)
    net.fix(BLOCK, op)
    assert torch.equal(said(net, op), before)
    (kept,) = net.questions[BLOCK].candidates.values()
    assert not any(part.wider for part in kept.modules() if isinstance(part, MLP | Factorised))
    widths = [p.shape[0] for n, p in kept.named_parameters() if n.endswith(("hidden.weight", "one.weight"))]
    assert widths == [int(part.split("-")[-1]) for part in op.split("+") if part != "identity"]
