"""Embeddings of all sparse fields in one table.

Letters: B batch, N sparse fields, d embedding, V values of a batch, U distinct ones.
"""

import itertools
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.network import Bag, Ids, MultiIds
from automtl_core.schema import SparseField

WHOLE_TABLE = 250_000
"""Rows up to which a step over the whole table is the faster one (benchmarks/embedding.py)."""

Watcher = Callable[[Tensor, Tensor], None]
"""Is given the weights of a table, and the distinct rows that are about to be read."""


class LargeTable(nn.Embedding):
    """A table of which a step touches the rows of its batch, and no others.

    What all other rows miss meanwhile, such as decay, is made up for before they are read: by watchers, of
    which each kind has one. Copies of the table are not watched.
    """

    def __init__(self, rows: int, dim: int) -> None:
        super().__init__(rows, dim, sparse=True)
        self.watchers: dict[str, WeakMethod[Watcher]] = {}

    def watch(self, kind: str, watcher: Watcher) -> None:
        """Have a method called before rows are read in training, in place of the one of its kind before.

        Nobody is kept alive by watching.
        """
        self.watchers[kind] = WeakMethod(watcher)

    def distinct(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows that are read at places [V] once each, [U, d], and where each place has its row."""
        rows, at = torch.unique(places, return_inverse=True)
        for watcher in self.watchers.values():
            if (call := watcher()) is not None:
                call(self.weight, rows)
        return self(rows), at

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "watchers": {}}


class FieldEmbedding(nn.Module):
    """One stacked table for all fields, read with one gather: ids of B examples -> `[B, N, d]`.

    Of a multi-valued field it is the mean over the values that an example holds, and 0 where it holds none.

    Each field owns the rows from its offset on. Tables above `WHOLE_TABLE` rows are a `LargeTable`, so that
    the vocabulary costs memory alone.

    Args:
        fields: The sparse fields, in the order of the columns of the ids.
        dim: Numbers per id, d.
        std: Standard deviation of the normal distribution that rows start with.

    """

    def __init__(self, fields: tuple[SparseField, ...], dim: int, std: float) -> None:
        super().__init__()
        sizes = [field.size for field in fields]
        offsets = list(itertools.accumulate(sizes, initial=0))[:-1]
        self.table = (LargeTable if sum(sizes) > WHOLE_TABLE else nn.Embedding)(sum(sizes), dim)
        nn.init.normal_(self.table.weight, std=std)
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.long), persistent=False)
        self.offsets: Tensor
        self.single = [place for place, field in enumerate(fields) if field.kind == "single"]
        self.bags = [place for place, field in enumerate(fields) if field.kind == "bag"]

    def forward(self, ids: Ids) -> Tensor:  # -> [B, N, d]
        if not isinstance(ids, MultiIds):
            return self._rows(ids + self.offsets)
        columns = list(self._rows(ids.single + self.offsets[self.single]).unbind(1))
        for place, bag in zip(self.bags, ids.bags, strict=True):
            bag = Bag(bag.values + self.offsets[place], bag.starts)
            columns.insert(place, self._traced(bag) if torch.compiler.is_exporting() else self._mean(bag))
        return torch.stack(columns, dim=1)

    def _rows(self, places: Tensor) -> Tensor:  # [B, N] -> [B, N, d]
        if places.device.type != "cpu" and not isinstance(self.table, LargeTable):
            rows: Tensor = self.table(places)
            return rows
        # On a processor the gradient of a selection is added up three times as fast as that of an embedding.
        weight, at = self._read(places.flatten())
        return weight.index_select(0, at).view(*places.shape, -1)

    def _mean(self, bag: Bag) -> Tensor:  # -> [B, d]
        weight, at = self._read(bag.values)
        return F.embedding_bag(at, weight, bag.starts, mode="mean")

    def _read(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights in which all places are, and where they are."""
        if isinstance(self.table, LargeTable) and self.training and torch.is_grad_enabled():
            return self.table.distinct(places)
        return self.table.weight, places

    def _traced(self, bag: Bag) -> Tensor:
        """Compute the same in operations that are exported for any number of examples and of values."""
        rows: Tensor = self.table(bag.values)  # [V, d]
        (examples,), (values, dim) = bag.starts.shape, rows.shape
        marks = bag.starts.new_zeros(values + 1).index_add(0, bag.starts, bag.starts.new_ones(examples))
        owners = marks.cumsum(0)[:-1] - 1  # of each value: the last example that starts up to it
        sums = rows.new_zeros(examples, dim).index_add(0, owners, rows)
        counts = rows.new_zeros(examples).index_add(0, owners, rows.new_ones(values))
        return sums / counts.clamp(min=1).unsqueeze(1)
