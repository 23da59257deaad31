"""Embeddings of all sparse fields in one table.

Letters: B batch, N sparse fields, d embedding, C statistics, K folds, V ids or values, U distinct ones.
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
    """What each field tells of an example: ids of B examples -> `[B, N, w]`, w = d + C.

    One stacked table of embeddings for all fields, read with one gather, and where fields have statistics a
    second one of C fitted numbers a value, of which each training row reads those without its own fold. Of a
    multi-valued field it is the mean over the values that an example holds, and 0 where it holds none.

    Each field owns the rows from its offset on. Tables above `WHOLE_TABLE` rows are a `LargeTable`, so that
    the vocabulary costs memory alone.

    Args:
        fields: The sparse fields, in the order of the columns of the ids.
        dim: Learned numbers per id, d.
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
        told = max((field.statistics for field in fields), default=0)
        self.width = dim + told
        """Numbers per field, w."""
        self.statistics: Tensor | None  # [V, C], of all folds
        self.register_buffer("statistics", torch.zeros(sum(sizes), told) if told else None)
        self.by_fold: Tensor | None  # [K, V, C], each without a fold
        self.register_buffer("by_fold", None, persistent=False)

    def tell(self, tables: Tensor) -> None:
        """Take statistics over, [K + 1, V, C], the last of them for all rows but those of training."""
        assert self.statistics is not None  # noqa: S101 - fields say that they have some
        self.statistics.copy_(tables[-1])
        self.by_fold = tables[:-1].to(self.statistics)

    def forward(self, ids: Ids) -> Tensor:  # -> [B, N, w]
        if not isinstance(ids, MultiIds):
            places = ids + self.offsets
            return self._beside(self._rows(places), places, None)
        places = ids.single + self.offsets[self.single]
        columns = list(self._beside(self._rows(places), places, ids.fold).unbind(1))
        for place, bag in zip(self.bags, ids.bags, strict=True):
            bag = Bag(bag.values + self.offsets[place], bag.starts)
            traced = torch.compiler.is_exporting()
            embedded = self._traced(self.table.weight, bag) if traced else self._mean(bag)
            columns.insert(place, self._beside_bag(embedded, bag, ids.fold, traced))
        return torch.stack(columns, dim=1)

    def _beside(self, rows: Tensor, places: Tensor, fold: Tensor | None) -> Tensor:
        """Return embeddings [B, N, d] with the statistics of the same places, [B, N, w]."""
        if self.statistics is None:
            return rows
        table, places = self._told(places, fold)
        told = table.index_select(0, places.flatten()).view(*places.shape, -1)
        return torch.cat([rows, told.to(rows.dtype)], dim=2)

    def _beside_bag(self, rows: Tensor, bag: Bag, fold: Tensor | None, traced: bool) -> Tensor:
        """Return the mean embeddings of bags [B, d] with the mean statistics, [B, w]."""
        if self.statistics is None:
            return rows
        if fold is not None:
            ends = torch.cat([bag.starts[1:], bag.starts.new_tensor([len(bag.values)])])
            fold = fold.repeat_interleave(ends - bag.starts)
        table, values = self._told(bag.values, fold)
        if traced:
            told = self._traced(table, Bag(values, bag.starts))
        else:
            told = F.embedding_bag(values, table, bag.starts, mode="mean")
        return torch.cat([rows, told.to(rows.dtype)], dim=1)

    def _told(self, places: Tensor, fold: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the table of statistics to read, and where."""
        assert self.statistics is not None  # noqa: S101 - there are some
        if fold is None or self.by_fold is None:
            return self.statistics, places
        fold = fold.view(-1, *[1] * (places.dim() - 1))
        return self.by_fold.flatten(0, 1), places + fold * len(self.statistics)

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

    @staticmethod
    def _traced(table: Tensor, bag: Bag) -> Tensor:
        """Compute the mean in operations that are exported for any number of examples and of values."""
        rows = F.embedding(bag.values, table)  # [V, d]
        (examples,), (values, dim) = bag.starts.shape, rows.shape
        marks = bag.starts.new_zeros(values + 1).index_add(0, bag.starts, bag.starts.new_ones(examples))
        owners = marks.cumsum(0)[:-1] - 1  # of each value: the last example that starts up to it
        sums = rows.new_zeros(examples, dim).index_add(0, owners, rows)
        counts = rows.new_zeros(examples).index_add(0, owners, rows.new_ones(values))
        return sums / counts.clamp(min=1).unsqueeze(1)
