"""Batch normalisation over the rows of all processes of a data-parallel job.

torch's own `SyncBatchNorm` needs a GPU. Letters: B batch, C columns.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core import distributed
from automtl_core.errors import UsageError
from automtl_core.modules.collectives import total


class SyncBatchNorm(nn.BatchNorm1d):
    """Batch normalisation that trains with the mean and variance of a batch over all processes."""

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
