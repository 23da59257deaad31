"""Nested widths: a narrow op that is the first units of a wider one, so that all widths learn at each step.

As in once-for-all networks (Cai et al., ICLR 2020). Each unit of a hidden layer is computed and normalised
alone, so the first units of a wide layer are exactly a narrow layer.
"""

import torch.nn.functional as F
from torch import Tensor, nn


def normalise_first(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Return what a norm makes of its first units [B, w], updating their statistics in training."""
    w, momentum = x.shape[1], norm.momentum
    assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018 - types
    assert norm.num_batches_tracked is not None  # noqa: S101
    if norm.training:
        norm.num_batches_tracked.add_(1)
        momentum = momentum if momentum is not None else 1 / float(norm.num_batches_tracked)
    return F.batch_norm(
        x, norm.running_mean[:w], norm.running_var[:w], norm.weight[:w], norm.bias[:w],
        norm.training, momentum or 0.0, norm.eps,
    )  # fmt: skip


def first_of_norm(norm: nn.BatchNorm1d, w: int) -> nn.BatchNorm1d:
    """Return a norm of the first units alone."""
    own = nn.BatchNorm1d(w, norm.eps, norm.momentum).to(norm.weight)
    for name, tensor in norm.state_dict().items():
        getattr(own, name).data.copy_(tensor[:w] if tensor.dim() else tensor)
    return own
