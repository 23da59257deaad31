"""The moving average of a network's weights, which predicts better than the weights of any single step.

Polyak and Juditsky (1992); here an exponential average, as is usual for networks.
"""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from automtl_core.disk.state import State
from automtl_core.modules.table import Average, Table
from automtl_core.training.batches import Batch
from automtl_core.training.batchnorm import recalibrate_batchnorm
from automtl_core.training.compute import Compute


class WeightAverage:
    """A copy of a network whose weights move by (now - mean) / span after each step.

    For steps up to the span, the average weighs all steps equally. Buffers are copied from the network. A
    `Table` has an average of its own kind, which is up to date when the averaged network is requested.

    Args:
        network: The trained network; its parameters and buffers must stay the same tensors.
        span: Span of the average in steps; up to 1 there is no average, and no copy.
        compute: Device and precision.

    """

    def __init__(self, network: nn.Module, span: float, compute: Compute) -> None:
        self.compute = compute
        self.span = span
        self.steps = 0
        self.trained = network
        self._network = network
        self._tables: list[Average] = []
        self._parameters: list[tuple[Tensor, Tensor]] = []
        self._buffers: list[tuple[Tensor, Tensor]] = []
        if span > 1:
            self._copy()

    @property
    def network(self) -> nn.Module:
        """The network with averaged weights, all up to date."""
        for table in self._tables:
            table.settle()
        return self._network

    @torch.no_grad()
    def update(self) -> None:
        """Add the weights of a step to the average."""
        if self._network is self.trained:
            return
        self.steps += 1
        share = 1 / min(self.steps, self.span)
        if self._parameters:
            means, now = map(list, zip(*self._parameters, strict=True))
            torch._foreach_lerp_(means, now, share)
        if self._buffers:
            ours, theirs = map(list, zip(*self._buffers, strict=True))
            torch._foreach_copy_(ours, theirs)
        for table in self._tables:
            table.update(share)

    def _copy(self) -> None:
        self._network = deepcopy(self.trained)
        pairs = list(zip(self.trained.modules(), self._network.modules(), strict=True))
        averages = [t.average(m) for t, m in pairs if isinstance(t, Table) and isinstance(m, Table)]
        self._tables = [average for average in averages if average is not None]
        own = {id(average.weight) for average in self._tables}
        # A search through all modules would take as long as a small step.
        parameters = zip(self._network.parameters(), self.trained.parameters(), strict=True)
        self._parameters = [(mean, now) for mean, now in parameters if id(now) not in own]
        self._buffers = list(zip(self._network.buffers(), self.trained.buffers(), strict=True))

    def recalibrate_batchnorm(self, data: Iterable[Batch]) -> None:
        """Recompute the statistics of batch normalisation for the averaged weights."""
        if self._network is not self.trained:
            recalibrate_batchnorm(self.network, data, self.compute)

    def state_dict(self) -> State:
        """Return the average; empty where there is none."""
        if self._network is self.trained:
            return {}
        return {"steps": self.steps, "weights": self.network.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Continue from an average."""
        if state:
            self.steps = state["steps"]
            self._network.load_state_dict(state["weights"])
            for table in self._tables:
                table.restart()
