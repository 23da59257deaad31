"""Statistics of batch normalisation for the current weights."""

from collections.abc import Iterable

import torch
from torch import nn

from automtl_core.training.batches import Batch
from automtl_core.training.compute import Compute


@torch.no_grad()
def recalibrate_batchnorm(network: nn.Module, data: Iterable[Batch], compute: Compute) -> None:
    """Recompute the statistics of a network as plain means over batches, without dropout.

    Statistics from training belong to earlier weights, or to other paths through a supernet, and to inputs
    with the variance of dropout. The network is left in evaluation mode.
    """
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.train()
    for batch in data:
        compute.logits(network, batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
