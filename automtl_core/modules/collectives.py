"""Sums over the processes of a data-parallel job, see `automtl_core.distributed`.

The loss of a step is that of all rows of its batch, which the processes share. `total` sums over the rows of
all processes, so that each process computes the same loss. Its gradient in a process is the number of
processes times the part of the own rows; the `means` of these parts are the gradients of one process with all
rows.

Letters: V rows of a table, n rows that a batch reads.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from automtl_core import distributed

NONE, DENSE, SPARSE = range(3)


class _Total(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients, and differentiable again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.device.type == "cpu":  # few numbers: with Gloo, this takes half the time of a reduction
            return torch.stack(gathered(x)).sum(0)
        out = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return total(gradient)


def total(x: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, with a gradient."""
    if distributed.processes() == 1:
        return x
    out: Tensor = _Total.apply(x)  # type: ignore[no-untyped-call]
    return out


def means(gradients: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor | None]:
    """Return the mean of each gradient over all processes; None where no process has one.

    Dense gradients travel as one tensor. Of sparse ones, [V, d], the rows of all processes are exchanged.

    Args:
        gradients: Gradients of this process; None counts as 0 if another process has one.
        like: Their parameters.

    """
    if distributed.processes() == 1:
        return list(gradients)
    kinds = torch.tensor([NONE if g is None else SPARSE if g.is_sparse else DENSE for g in gradients])
    dist.all_reduce(kinds, dist.ReduceOp.MAX)
    found: list[Tensor | None] = [None] * len(gradients)
    dense = [place for place, kind in enumerate(kinds.tolist()) if kind == DENSE]
    for dtype in dict.fromkeys(like[place].dtype for place in dense):
        places = [place for place in dense if like[place].dtype == dtype]
        given = [(gradients[place], like[place]) for place in places]
        own = [torch.zeros_like(p) if g is None else g for g, p in given]
        bucket = torch.cat([g.flatten() for g in own])
        dist.all_reduce(bucket)
        bucket /= distributed.processes()
        parts = torch.split(bucket, [g.numel() for g in own])
        for place, g, part in zip(places, own, parts, strict=True):
            found[place] = part.view(g.shape)
    for place, kind in enumerate(kinds.tolist()):
        if kind == SPARSE:
            found[place] = _mean_of_rows(gradients[place], like[place])
    return found


def _mean_of_rows(gradient: Tensor | None, like: Tensor) -> Tensor:
    """Return the mean of a sparse gradient, with the rows of all processes."""
    if gradient is None:
        rows, values = (
            torch.empty(0, dtype=torch.long, device=like.device),
            like.new_empty(0, *like.shape[1:]),
        )
    else:
        gradient = gradient.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
    counts = gathered(torch.tensor([len(rows)]))
    most = int(max(counts))
    padded = [torch.cat([t, t.new_zeros(most - len(t), *t.shape[1:])]) for t in (rows, values)]
    every = [gathered(t) for t in padded]
    rows, values = (torch.cat([t[:count] for t, count in zip(ts, counts, strict=True)]) for ts in every)
    values = values / distributed.processes()
    return torch.sparse_coo_tensor(rows[None], values, like.shape, check_invariants=False).coalesce()


def gathered(x: Tensor) -> list[Tensor]:
    """Return the tensors of all processes, which have the same shape, in the order of the processes."""
    out = [torch.empty_like(x) for _ in range(distributed.processes())]
    dist.all_gather(out, x.contiguous())
    return out
