"""Encoded rows. Letters: R rows, N sparse fields, M dense fields, T tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bags(NamedTuple):
    """The ids that the bags of a multi-valued field hold: bag b has values[starts[b]:starts[b + 1]]."""

    starts: NDArray[np.int64]
    values: NDArray[np.int32]


@dataclass(frozen=True)
class Part:
    """Encoded rows, such as those of one part of a dataset; one array row an example, contiguous."""

    ids: NDArray[np.int32]  # [R, N]
    dense: NDArray[np.float32]  # [R, M]
    labels: NDArray[np.float32]  # [R, T], NaN where a row lacks the label
    bags: Mapping[int, Bags] = field(default_factory=dict)
    """Column of `ids` that numbers bags -> their content."""
    folds: NDArray[np.int8] | None = None  # [R]
    """Of training rows whose fields have statistics: see `automtl_core.data.statistics`."""

    def some(self, rows: slice | NDArray[np.int64]) -> "Part":
        """Return some of the rows, with the bags of all."""
        folds = None if self.folds is None else self.folds[rows]
        return Part(self.ids[rows], self.dense[rows], self.labels[rows], self.bags, folds)

    def __len__(self) -> int:
        return len(self.ids)
