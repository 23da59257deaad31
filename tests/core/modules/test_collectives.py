"""Sums and means over processes."""

import torch

from automtl_core import distributed
from automtl_core.modules.transfer import means, total

from ..job_of_processes import results_of


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
