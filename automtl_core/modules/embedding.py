"""Embeddings of all sparse fields in one table. Letters: B batch, N sparse fields, d embedding."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.network import Ids, MultiIds
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
            rows: Tensor = self.table(ids + self.offsets)
            return rows
        columns: list[Tensor] = list(self.table(ids.single + self.offsets[self.single]).unbind(1))
        for place, bag in zip(self.bags, ids.bags, strict=True):
            values = bag.values + self.offsets[place]
            pooled = F.embedding_bag(
                values, self.table.weight, bag.starts, mode="mean", sparse=self.table.sparse
            )
            columns.insert(place, pooled)
        return torch.stack(columns, dim=1)
