"""Transfers: sums and batch normalisation over the processes of a job, and copies to a device.

The loss of a step of a data-parallel job (`system.distributed`) is that of all rows of its batch, which
the processes share. `total` sums over the rows of all processes, so that each process computes the same loss.
Its gradient in a process is the number of processes times the part of the own rows; the `means` of these
parts are the gradients of one process with all rows.

Letters: B batch, C columns, V rows of a table, n rows that a batch reads.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.errors import UsageError
from automtl_core.system import distributed


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
    # 0 where a process has no gradient, 1 for a dense one, 2 for a sparse one
    kinds = torch.tensor([0 if g is None else 2 if g.is_sparse else 1 for g in gradients])
    dist.all_reduce(kinds, dist.ReduceOp.MAX)
    found: list[Tensor | None] = [None] * len(gradients)
    dense, sparse = ([n for n, k in enumerate(kinds.tolist()) if k == kind] for kind in (1, 2))
    for dtype in dict.fromkeys(like[place].dtype for place in dense):
        places = [place for place in dense if like[place].dtype == dtype]
        pairs = [(gradients[place], like[place]) for place in places]
        own = [torch.zeros_like(p) if g is None else g for g, p in pairs]
        bucket = torch.cat([g.flatten() for g in own])
        dist.all_reduce(bucket)
        bucket /= distributed.processes()
        parts = torch.split(bucket, [g.numel() for g in own])
        for place, g, part in zip(places, own, parts, strict=True):
            found[place] = part.view(g.shape)
    for place in sparse:
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


class SyncBatchNorm(nn.BatchNorm1d):
    """Batch normalisation that trains with the mean and variance of a batch over all processes.

    torch's own `SyncBatchNorm` needs a GPU.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        assert self.num_batches_tracked is not None  # noqa: S101 - for the type checker
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        return over_processes(
            input, self.running_mean, self.running_var, self.weight, self.bias, True, momentum, self.eps
        )


def over_processes(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Return `torch.nn.functional.batch_norm` of the rows of all processes, [B, C].

    One sum over the processes gives mean and variance. Values are taken relative to the running mean, which
    all processes share, so that the variance has little cancellation.
    """
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    assert running_mean is not None and running_var is not None  # noqa: S101, PT018 - for the type checker
    shift = running_mean.detach().clone()
    relative = x.to(torch.promote_types(x.dtype, shift.dtype)) - shift
    columns = x.shape[1]
    rows = relative.new_full((1,), len(x))
    sums = total(torch.cat([relative.sum(0), relative.square().sum(0), rows]))
    count = sums[-1].detach()
    mean = sums[:columns] / count
    variance = (sums[columns:-1] / count - mean.square()).clamp(min=0)
    running_mean.lerp_(shift + mean.detach(), momentum)
    running_var.lerp_(variance.detach() * (count / (count - 1).clamp(min=1)), momentum)
    out: Tensor = (relative - mean) * (variance + eps).rsqrt() * weight + bias
    return out.to(x.dtype)


Normalise = Callable[..., Tensor]


def function_of(norm: nn.BatchNorm1d) -> Normalise:
    """Return the function that computes a norm; its arguments are those of `F.batch_norm`."""
    return over_processes if isinstance(norm, SyncBatchNorm) else F.batch_norm


def synchronise(network: nn.Module) -> None:
    """Let all batch normalisation of a network span the processes of the job, if there are several.

    The modules stay the same objects with the same weights.

    Raises:
        UsageError: the network has a kind of batch normalisation that cannot.

    """
    if distributed.processes() == 1:
        return
    for name, module in network.named_modules():
        if type(module) is nn.BatchNorm1d and module.affine and module.track_running_stats:
            module.__class__ = SyncBatchNorm
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and not isinstance(module, SyncBatchNorm):
            raise UsageError(
                f"{name} ({type(module).__name__}) cannot span several processes",
                "use torch.nn.BatchNorm1d with its default arguments, or one process",
            )


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a new tensor of the CPU on a device; the copy to a GPU does not block.

    A copy that blocks, such as that of an index given as a list, lets the CPU wait until the queue of the GPU
    is empty, and the GPU wait for the next operation after it.
    """
    if device.type in ("cpu", "meta"):
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def indices(places: Sequence[int], like: Tensor) -> Tensor:
    """Return some places [n] as an index of `like`, on its device."""
    return sent(torch.tensor(places, dtype=torch.long), like.device)
