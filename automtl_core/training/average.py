"""The running average of a network's weights, which predicts better than the weights of any one step.

Polyak and Juditsky (1992); here an exponential average, as is usual for networks.
"""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import nn

from automtl_core.data.batches import Batch
from automtl_core.disk.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.norms import renorm


class Average:
    """A copy of a network whose weights move by (now - mean) / span after each step.

    While fewer steps than the span have passed, all of them count alike. Buffers are those of the network.
    Large tables, those with sparse gradients, are shared: averaging would touch every row at each step.

    Args:
        network: The network that is trained; its parameters and buffers stay the same tensors.
        span: Steps that the average reaches back over; up to 1 there is no average, and no copy.
        compute: How to compute.

    """

    def __init__(self, network: nn.Module, span: float, compute: Compute) -> None:
        self.compute = compute
        self.span = span
        self.steps = 0
        self.trained = network
        large = [m.weight for m in network.modules() if isinstance(m, nn.Embedding) and m.sparse]
        self.network = deepcopy(network, {id(table): table for table in large}) if span > 1 else network
        # Looking for them in all modules would take as long as a small step.
        pairs = zip(self.network.parameters(), network.parameters(), strict=True)
        self._parameters = [(mean, now) for mean, now in pairs if mean is not now]
        self._buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of a step into the average."""
        if self.network is self.trained:
            return
        self.steps += 1
        if self._parameters:
            means, now = map(list, zip(*self._parameters, strict=True))
            torch._foreach_lerp_(means, now, 1 / min(self.steps, self.span))
        if self._buffers:
            ours, theirs = map(list, zip(*self._buffers, strict=True))
            torch._foreach_copy_(ours, theirs)

    def renorm(self, data: Iterable[Batch]) -> None:
        """Compute the statistics of batch normalisation for the averaged weights."""
        if self.network is not self.trained:
            renorm(self.network, data, self.compute)

    def state_dict(self) -> State:
        """Return the average, nothing where there is none."""
        if self.network is self.trained:
            return {}
        return {"steps": self.steps, "weights": self.network.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Go on with an average."""
        if state:
            self.steps = state["steps"]
            self.network.load_state_dict(state["weights"])
