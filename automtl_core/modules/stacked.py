"""Sparse fields with concatenated values in one table.

Letters: B batch, N sparse fields, V values, w numbers of a value.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.dataset.schema import Cross, SparseField
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.transfer import indices


class Stacked(nn.Module, ABC):
    """The numbers of each sparse field of B examples, `[B, N, w]`.

    Each field has the rows of the table from its offset on. The numbers of a multi-valued field are the mean
    over the values of the example, 0 without values.

    Args:
        fields: The sparse fields, in the order of the schema.

    """

    def __init__(self, fields: Sequence[SparseField | Cross]) -> None:
        super().__init__()
        sizes = [field.size for field in fields]
        self.rows = sum(sizes)
        offsets = list(itertools.accumulate(sizes, initial=0))[:-1]
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.long), persistent=False)
        self.offsets: Tensor
        multi = [isinstance(field, SparseField) and field.kind == "bag" for field in fields]
        self.single = [place for place, bag in enumerate(multi) if not bag]
        self.bags = [place for place, bag in enumerate(multi) if bag]

    def forward(self, features: Features) -> Tensor:  # -> [B, N, w]
        ids, folds = features.ids, features.folds
        if not self.bags:
            return self.of_values(ids + self.offsets, folds)
        columns: list[Tensor] = []
        if self.single:  # an exported graph cannot unbind a tensor without columns
            columns += self.of_values(ids + self.offsets_of(self.single), folds).unbind(1)
        for place, bag in zip(self.bags, features.bags, strict=True):
            columns.insert(place, self.of_bag(Bag(bag.values + self.offsets[place], bag.starts), folds))
        return torch.stack(columns, dim=1)

    def offsets_of(self, fields: Sequence[int]) -> Tensor:
        """Return the offsets of some fields, [F]."""
        return self.offsets.index_select(0, indices(fields, self.offsets))

    @abstractmethod
    def of_values(self, places: Tensor, folds: Tensor | None) -> Tensor:
        """Return the rows of the table at indices [B, n], for examples of these folds, [B, n, w]."""

    @abstractmethod
    def of_bag(self, bag: Bag, folds: Tensor | None) -> Tensor:
        """Return the mean over the rows of the table for each example, [B, w]."""


def mean_of(table: Tensor, bag: Bag) -> Tensor:
    """Return the mean over the rows of a table for each example, [B, w]; 0 without values."""
    if not torch.compiler.is_exporting():
        return F.embedding_bag(bag.values, table, bag.starts, mode="mean")
    # These operations can be exported for any number of examples and values.
    rows = F.embedding(bag.values, table)  # [V, w]
    (examples,), (values, width) = bag.starts.shape, rows.shape
    marks = bag.starts.new_zeros(values + 1).index_add(0, bag.starts, bag.starts.new_ones(examples))
    owners = marks.cumsum(0)[:-1] - 1  # the example of each value: the last one that starts at or before it
    sums = rows.new_zeros(examples, width).index_add(0, owners, rows)
    counts = rows.new_zeros(examples).index_add(0, owners, rows.new_ones(values))
    return sums / counts.clamp(min=1).unsqueeze(1)
