"""Embeddings of all sparse fields in one table.

Letters: B batch, N sparse fields, d embedding, V ids or values, U distinct ones.
"""

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Cross, SparseField
from automtl_core.modules.features import Bag
from automtl_core.modules.stacked import Stacked, mean_of

WHOLE_TABLE = 250_000
"""Number of rows up to which a step over the whole table is faster (benchmarks/embedding.py)."""

Watcher = Callable[[Tensor, Tensor], None]
"""Function that receives the weights of a table, and the distinct rows of the next read."""


class LargeTable(nn.Embedding):
    """A table whose training steps update only the rows of their batch.

    Watchers, one of each kind, apply pending updates of other rows, such as weight decay, before these rows
    are read. Copies of the table have no watchers.
    """

    def __init__(self, rows: int, dim: int) -> None:
        super().__init__(rows, dim, sparse=True)
        self.watchers: dict[str, WeakMethod[Watcher]] = {}

    def watch(self, kind: str, watcher: Watcher) -> None:
        """Call a method before rows are read in training; it replaces an earlier method of the same kind.

        The table holds a weak reference only.
        """
        self.watchers[kind] = WeakMethod(watcher)

    def distinct(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distinct rows at indices [V], [U, d], and the position of each index among them."""
        rows, at = torch.unique(places, return_inverse=True)
        for watcher in self.watchers.values():
            if (call := watcher()) is not None:
                call(self.weight, rows)
        return self(rows), at

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "watchers": {}}


class FieldEmbedding(Stacked):
    """The embeddings of the sparse fields of B examples, `[B, N, d]`, read with one gather.

    Tables above `WHOLE_TABLE` rows are a `LargeTable`, whose steps take the time of the batch's rows only.

    Args:
        fields: The sparse fields, in the order of the schema.
        dim: Learned numbers per id, d.
        std: Standard deviation of the normal distribution of initial weights.

    """

    def __init__(self, fields: Sequence[SparseField | Cross], dim: int, std: float) -> None:
        super().__init__(fields)
        self.table = (LargeTable if self.rows > WHOLE_TABLE else nn.Embedding)(self.rows, dim)
        nn.init.normal_(self.table.weight, std=std)

    def of_values(self, places: Tensor, folds: Tensor | None) -> Tensor:
        """Return the rows at some indices, [B, n, d]."""
        if places.device.type != "cpu" and not isinstance(self.table, LargeTable):
            rows: Tensor = self.table(places)
            return rows
        # On a CPU, the gradient of index_select is three times as fast as that of an embedding.
        weight, at = self._read(places.flatten())
        return weight.index_select(0, at).view(*places.shape, weight.shape[1])

    def of_bag(self, bag: Bag, folds: Tensor | None) -> Tensor:
        """Return the mean of the rows of each bag, [B, d]."""
        weight, at = self._read(bag.values)
        return mean_of(weight, Bag(at, bag.starts))

    def _read(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return a weight matrix with all requested rows, and their indices in it."""
        if isinstance(self.table, LargeTable) and self.training and torch.is_grad_enabled():
            return self.table.distinct(places)
        return self.table.weight, places
