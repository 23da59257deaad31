"""Batch normalisation over the rows of all processes."""

import pytest
import torch
from torch import nn

from automtl_core import distributed
from automtl_core.errors import UsageError
from automtl_core.modules.transfer import SyncBatchNorm, function_of, synchronise

from ..job_of_processes import results_of

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
