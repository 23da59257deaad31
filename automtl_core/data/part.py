"""Encoded rows. Letters: R rows, N sparse fields, M dense fields, T tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bags(NamedTuple):
    """The values of all bags of a multi-valued field, as ids: bag b has values[starts[b]:starts[b + 1]]."""

    starts: NDArray[np.int64]
    values: NDArray[np.int32]

    def held(self, numbers: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the concatenated values of the bags with these numbers, and the length of each bag, [B]."""
        starts = self.starts[numbers]
        lengths = self.starts[numbers + 1] - starts
        before = np.cumsum(lengths) - lengths
        # The index of each value, counted from the start of its bag.
        places = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
        return self.values[places].astype(np.int64), lengths


@dataclass(frozen=True)
class Part:
    """Encoded rows, such as those of one part of a dataset; one array row for each example, contiguous."""

    ids: NDArray[np.int32]  # [R, N]
    dense: NDArray[np.float32]  # [R, M], NaN where missing
    labels: NDArray[np.float32]  # [R, T], NaN where a row lacks the label
    bags: Mapping[int, Bags] = field(default_factory=dict)
    """Index of a column of `ids` that holds numbers of bags -> its bags."""
    folds: NDArray[np.int8] | None = None  # [R]
    """Fold of each training row; None unless fields have target statistics: see
    `automtl_core.data.statistics`."""
    users: NDArray[np.int32] | None = None  # [R]
    """Number of the user of each row, 0 for none; None without a user field."""

    def some(self, rows: slice | NDArray[np.int64]) -> "Part":
        """Return some of the rows, with all bags."""
        folds = None if self.folds is None else self.folds[rows]
        users = None if self.users is None else self.users[rows]
        return Part(self.ids[rows], self.dense[rows], self.labels[rows], self.bags, folds, users)

    def __len__(self) -> int:
        return len(self.ids)
