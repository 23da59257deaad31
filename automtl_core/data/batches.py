"""Batches by index: one gather of contiguous rows a batch, no row-by-row Python."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl_core.data.store import Part

Rows = NDArray[np.int64]
"""Places of rows in a part."""


class Batch(NamedTuple):
    """B examples."""

    ids: Tensor  # [B, N] long
    dense: Tensor  # [B, M] float32
    labels: Tensor  # [B, T] float32, 0 or 1


def batches(part: Part, size: int, device: torch.device, order: Rows | None = None) -> Iterator[Batch]:
    """Yield the rows of `order`, or all rows as they are stored; the last batch may be smaller."""
    order = np.arange(len(part)) if order is None else order
    for start in range(0, len(order), size):
        yield take(part, order[start : start + size], device)


def steps(rows: int, size: int) -> int:
    """Return the number of batches of one pass over `rows` rows."""
    return -(-rows // size)


def take(part: Part, rows: Rows, device: torch.device) -> Batch:
    """Return the given rows as one batch."""
    return Batch(
        torch.from_numpy(part.ids[rows].astype(np.int64)).to(device),
        torch.from_numpy(part.dense[rows]).to(device),
        torch.from_numpy(part.labels[rows]).to(device),
    )
