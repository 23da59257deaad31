"""Target statistics of the values of all sparse fields, in one table.

Letters: B batch, N sparse fields, C statistics, K folds, V values.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from automtl_core.dataset.schema import Cross, SparseField
from automtl_core.modules.features import Bag
from automtl_core.modules.stacked import Stacked, mean_of


class FieldStatistics(Stacked):
    """The target statistics of the sparse fields of B examples, `[B, N, C]`.

    Rows with a fold get statistics without the labels of that fold.

    Args:
        fields: The sparse fields, in the order of the schema.
        count: Number of statistics of a value, C.

    """

    def __init__(self, fields: Sequence[SparseField | Cross], count: int) -> None:
        super().__init__(fields)
        self.register_buffer("table", torch.zeros(self.rows, count))
        self.table: Tensor  # [V, C], of all training rows
        self.register_buffer("by_fold", None, persistent=False)
        self.by_fold: Tensor | None  # [K, V, C], for the training rows of each fold

    def load_fitted(self, tables: Tensor) -> None:
        """Load statistics, [K + 1, V, C]; the last are over all training rows, and used for new rows."""
        self.table.copy_(tables[-1])
        self.by_fold = tables[:-1].to(self.table)

    def of_values(self, places: Tensor, folds: Tensor | None) -> Tensor:
        """Return the statistics at some indices, [B, n, C]."""
        table, at = self._read(places, folds)
        return table.index_select(0, at.flatten()).view(*places.shape, table.shape[1])

    def of_bag(self, bag: Bag, folds: Tensor | None) -> Tensor:
        """Return the mean statistics of each bag, [B, C]."""
        if folds is not None:
            ends = torch.cat([bag.starts[1:], bag.starts.new_full((1,), len(bag.values))])
            folds = folds.repeat_interleave(ends - bag.starts, output_size=len(bag.values))
        table, at = self._read(bag.values, folds)
        return mean_of(table, Bag(at, bag.starts))

    def _read(self, places: Tensor, folds: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the table to read, and the indices in it."""
        if folds is None or self.by_fold is None:
            return self.table, places
        folds = folds.view(-1, *[1] * (places.dim() - 1))
        return self.by_fold.flatten(0, 1), places + folds * len(self.table)
