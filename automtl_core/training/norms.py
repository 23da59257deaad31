"""Statistics of batch normalisation that belong to the weights as they are now."""

from collections.abc import Iterable

import torch
from torch import nn

from automtl_core.training.batches import Batch
from automtl_core.training.compute import Compute


@torch.no_grad()
def renorm(network: nn.Module, data: Iterable[Batch], compute: Compute) -> None:
    """Compute the statistics of a network anew, as plain means over batches, and without dropout.

    Those from training belong to other weights, or to another path through a supernet, and to inputs that
    dropout made more varied. The network is left in evaluation mode.
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
