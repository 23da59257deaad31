"""Embeddings of all sparse fields in one table. Letters: B batch, N sparse fields, d embedding."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.network import Bag, Ids, MultiIds
from automtl_core.schema import SparseField

WHOLE_TABLE = 500_000
"""Rows up to which a step over the whole table is the faster one (benchmarks/step.py)."""


class FieldEmbedding(nn.Module):
    """One stacked table for all fields, read with one gather: ids of B examples -> `[B, N, d]`.

    Of a multi-valued field it is the mean over the values that an example holds, and 0 where it holds none.

    Each field owns the rows from its offset on. Gradients of tables above `WHOLE_TABLE` rows are sparse, so
    that an optimiser touches the rows of the batch and no others, and the vocabulary costs memory alone.

    Args:
        fields: The sparse fields, in the order of the columns of the ids.
        dim: Numbers per id, d.
        std: Standard deviation of the normal distribution that rows start with.

    """

    def __init__(self, fields: tuple[SparseField, ...], dim: int, std: float) -> None:
        super().__init__()
        sizes = [field.size for field in fields]
        offsets = list(itertools.accumulate(sizes, initial=0))[:-1]
        self.table = nn.Embedding(sum(sizes), dim, sparse=sum(sizes) > WHOLE_TABLE)
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
        table = self.table
        if table.sparse or places.device.type != "cpu":
            rows: Tensor = table(places)
            return rows
        # On a processor the gradient of a selection is added up three times as fast as that of an embedding.
        return table.weight.index_select(0, places.flatten()).view(*places.shape, -1)

    def _mean(self, bag: Bag) -> Tensor:  # -> [B, d]
        table = self.table
        return F.embedding_bag(bag.values, table.weight, bag.starts, mode="mean", sparse=table.sparse)

    def _traced(self, bag: Bag) -> Tensor:
        """Compute the same in operations that are exported for any number of examples and of values."""
        rows: Tensor = self.table(bag.values)  # [V, d]
        (examples,), (values, dim) = bag.starts.shape, rows.shape
        marks = bag.starts.new_zeros(values + 1).index_add(0, bag.starts, bag.starts.new_ones(examples))
        owners = marks.cumsum(0)[:-1] - 1  # of each value: the last example that starts up to it
        sums = rows.new_zeros(examples, dim).index_add(0, owners, rows)
        counts = rows.new_zeros(examples).index_add(0, owners, rows.new_ones(values))
        return sums / counts.clamp(min=1).unsqueeze(1)
