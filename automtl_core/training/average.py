"""The moving average of a network's weights, which predicts better than the weights of any single step.

Polyak and Juditsky (1992); here an exponential average, as is usual for networks.
"""

import math
from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from automtl_core.disk.file_tensor import copy_of, is_in_file
from automtl_core.disk.state import State
from automtl_core.modules.embedding import LargeTable
from automtl_core.training.batches import Batch
from automtl_core.training.batchnorm import recalibrate_batchnorm
from automtl_core.training.compute import Compute
from automtl_core.training.row_rmsprop import chunks


class WeightAverage:
    """A copy of a network whose weights move by (now - mean) / span after each step.

    For steps up to the span, the average weighs all steps equally. Buffers are copied from the network. In a
    `LargeTable`, only the rows that a step reads are averaged; other rows catch up when they are read, and
    when the averaged network is requested. Other tables with sparse gradients are shared, without an average.

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
        self._tables: dict[Tensor, RowAverage] = {}
        self._parameters: list[tuple[Tensor, Tensor]] = []
        self._buffers: list[tuple[Tensor, Tensor]] = []
        if span > 1:
            self._copy()

    @property
    def network(self) -> nn.Module:
        """The network with averaged weights, all up to date."""
        for weight, table in self._tables.items():
            table.settle(weight)
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
        for weight, table in self._tables.items():
            table.update(weight, share)

    def _copy(self) -> None:
        sparse = [m.weight for m in self.trained.modules() if isinstance(m, nn.Embedding) and m.sparse]
        large = [m for m in self.trained.modules() if isinstance(m, LargeTable)]
        shared = {id(weight): weight for weight in sparse if not any(weight is m.weight for m in large)}
        in_files = [m.weight for m in large if is_in_file(m.weight)]
        shared |= {id(weight): nn.Parameter(copy_of(weight.detach())) for weight in in_files}
        self._network = deepcopy(self.trained, shared)
        copies = [m for m in self._network.modules() if isinstance(m, LargeTable)]
        for table, copy in zip(large, copies, strict=True):
            self._tables[table.weight] = average = RowAverage(copy.weight)
            table.watch("average", average.catch_up)
        # A search through all modules would take as long as a small step.
        pairs = zip(self._network.parameters(), self.trained.parameters(), strict=True)
        self._parameters = [(mean, now) for mean, now in pairs if mean is not now and now not in self._tables]
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
            for table in self._tables.values():
                table.restart()


class RowAverage:
    """The moving average of a large table's rows.

    With a share a of each step, a mean that was up to date at step s is at step t

        w + (mean - w) * (1 - a_s+1) * ... * (1 - a_t)

    if w has not moved since. The logarithm of the product since all rows were last up to date is kept, and
    for each row its value when the row was last averaged.

    Args:
        mean: The averaged rows, [V, d], changed in place.

    """

    def __init__(self, mean: Tensor) -> None:
        self.mean = mean
        self._log = 0.0
        self._known = mean.new_zeros(len(mean), 1)
        self._read: list[Tensor] = []
        self._stale = False

    @torch.no_grad()
    def catch_up(self, weight: Tensor, rows: Tensor) -> None:
        """Update the average of rows, before a step moves them."""
        self._bring(weight, rows)
        self._read.append(rows)

    def update(self, weight: Tensor, share: float) -> None:
        """Add the rows of a step to the average."""
        # In the first step the mean becomes the weight; its earlier value does not matter.
        self._log += math.log1p(-share) if share < 1 else 0.0
        if self._read:
            rows = torch.cat(self._read)  # a row that was read twice is written twice, with the same values
            self._read = []
            now = weight.index_select(0, rows)
            self.mean[rows] = self.mean.index_select(0, rows).lerp_(now, share)
            self._known[rows] = self._log
        self._stale = True

    @torch.no_grad()
    def settle(self, weight: Tensor) -> None:
        """Update the average of all rows."""
        if self._stale:
            for rows in chunks(weight):
                self._bring(weight, rows)
            self.restart()

    def restart(self) -> None:
        """Continue with a mean that is up to date."""
        self._log, self._stale = 0.0, False
        self._known.zero_()

    def _bring(self, weight: Tensor, rows: Tensor) -> None:
        left = self._log - self._known.index_select(0, rows)
        behind = left.squeeze(1) != 0  # a step may read rows several times
        if not behind.all():
            rows, left = rows[behind], left[behind]
        now = weight.index_select(0, rows)
        self.mean[rows] = torch.addcmul(now, self.mean.index_select(0, rows) - now, left.exp_())
        self._known[rows] = self._log
