"""Sums, means and batch normalisation over processes; copies to a GPU are tested in tests/device."""

import pytest
import torch
from torch import nn

from automtl_core.errors import UsageError
from automtl_core.modules.transfer import SyncBatchNorm, function_of, indices, means, sent, synchronise, total
from automtl_core.system import distributed

from ..system.job_of_processes import results_of


def sparse(rows, values):
    return torch.sparse_coo_tensor([rows], torch.tensor(values), (5, 1), check_invariants=True)


def summed():
    rank = distributed.rank()
    x = torch.tensor([1.0 + rank, 2.0], dtype=torch.float64, requires_grad=True)
    out = total(x.square())
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (curve,) = torch.autograd.grad(slope.sum(), x)
    return out.tolist(), slope.tolist(), curve.tolist()


def test_a_total_has_first_and_second_derivatives():
    for rank, (out, slope, curve) in enumerate(results_of(summed, 2)):
        assert out == [5.0, 8.0]
        assert slope == [2 * 2 * (1.0 + rank), 8.0], "of the sum of both losses, which are equal"
        assert curve == [4.0, 4.0]


def averaged():
    rank = distributed.rank()
    dense = torch.tensor([1.0 + rank, 0.0])
    only_second = torch.ones(3) if rank else None
    rows = sparse([0, 3], [[1.0], [2.0]]) if rank == 0 else sparse([3], [[4.0]])
    sparse_once = None if rank else sparse([1], [[6.0]])
    given = [dense, None, only_second, rows, sparse_once]
    like = [torch.zeros(2), torch.zeros(1), torch.zeros(3), torch.zeros(5, 1), torch.zeros(5, 1)]
    found = means(given, like)
    return [None if g is None else (g.is_sparse, g.to_dense().flatten().tolist()) for g in found]


def test_means_of_gradients_that_some_processes_do_not_have():
    one, other = results_of(averaged, 2)
    assert one == other
    assert one == [
        (False, [1.5, 0.0]),
        None,
        (False, [0.5, 0.5, 0.5]),
        (True, [0.5, 0.0, 0.0, 3.0, 0.0]),
        (True, [0.0, 3.0, 0.0, 0.0, 0.0]),
    ]


def test_one_process_sends_nothing():
    x = torch.ones(2)
    assert total(x) is x
    assert means([x, None], [x, x]) == [x, None]


ROWS = torch.linspace(-1, 5, 35, dtype=torch.float64).reshape(7, 5).square() + 100


def normalised():
    """Return output, statistics and gradients of some steps on own rows, and of an evaluation."""
    network = nn.Sequential(nn.BatchNorm1d(5)).double()
    synchronise(network)
    (norm,) = network
    x = ROWS[distributed.rank() :: distributed.processes()].clone().requires_grad_()
    for momentum in (0.1, None, None):
        norm.momentum = momentum
        out = network(x)
    out.square().sum().backward()
    values = [out, norm.running_mean, norm.running_var, norm.weight.grad, x.grad, network.eval()(x)]
    return type(norm).__name__, [value.detach().numpy() for value in values]


def test_halves_of_a_batch_have_the_statistics_of_the_whole():
    ((name, whole),) = results_of(normalised, 1)
    halves = results_of(normalised, 2)
    assert name == "BatchNorm1d"
    for rank, (name, half) in enumerate(halves):
        assert name == "SyncBatchNorm"
        own = [whole[k][rank::2] for k in (0, 4, 5)]
        for mine, expected in zip([half[0], half[4], half[5]], own, strict=True):
            assert abs(mine - expected).max() < 1e-9
        for place in (1, 2):
            assert abs(half[place] - whole[place]).max() < 1e-9
    assert abs(halves[0][1][3] + halves[1][1][3] - whole[3]).max() < 1e-9


def refused():
    with pytest.raises(UsageError, match="BatchNorm2d"):
        synchronise(nn.Sequential(nn.Identity(), nn.BatchNorm2d(3)))
    synchronise(nn.Sequential(SyncBatchNorm(3)))
    return True


def test_other_kinds_are_refused():
    assert results_of(refused, 2) == [True, True]
    assert function_of(nn.BatchNorm1d(3)) is torch.nn.functional.batch_norm


def test_without_values_there_are_only_shapes():
    with torch.device("meta"):
        assert indices([2, 0], torch.zeros(3)).device.type == "meta"
    assert sent(torch.arange(3), torch.device("meta")).shape == (3,)
