"""Batches by index: one gather of contiguous rows a batch, no row-by-row Python.

Letters: B batch, N sparse fields, M dense fields, T tasks, R rows.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl_core.data.part import Bags, Part
from automtl_core.network import Bag, Ids, MultiIds

Rows = NDArray[np.int64]
"""Places of rows in a part."""

BLOCK = 1 << 12
"""Neighbouring rows that are read together."""
WINDOW = 1 << 20
"""Rows that are shuffled together."""


class Batch(NamedTuple):
    """B examples."""

    ids: Ids  # [B, N] long, or with bags of values
    dense: Tensor  # [B, M] float32
    labels: Tensor  # [B, T] float32, NaN where an example lacks the label


def batches(
    part: Part, size: int, device: torch.device, order: Iterable[Rows] | None = None
) -> Iterator[Batch]:
    """Yield the rows of `order`, one run of rows after another, or all as they are stored.

    The last batch may be smaller.
    """
    if order is None:
        order = (np.arange(start, min(start + size, len(part))) for start in range(0, len(part), size))
    left = np.empty(0, dtype=np.int64)
    for run in order:
        rows = np.concatenate([left, run])
        full = len(rows) // size * size
        for start in range(0, full, size):
            yield take(part, rows[start : start + size], device)
        left = rows[full:]
    if len(left):
        yield take(part, left, device)


def shuffled_rows(rows: int, random: np.random.Generator) -> Iterator[Rows]:
    """Yield the places of all rows in an order that is random within windows, one window after another.

    Blocks of neighbouring rows are shuffled, and then the rows of as many blocks as make a window, so that
    data larger than memory is read block by block. Data of one window is shuffled as a whole.
    """
    if rows <= WINDOW:
        yield random.permutation(rows)
        return
    blocks = random.permutation(-(-rows // BLOCK))
    for start in range(0, len(blocks), WINDOW // BLOCK):
        window = blocks[start : start + WINDOW // BLOCK]
        yield random.permutation(
            np.concatenate([np.arange(b * BLOCK, min((b + 1) * BLOCK, rows)) for b in window])
        )


def steps(rows: int, size: int) -> int:
    """Return the number of batches of one pass over `rows` rows."""
    return -(-rows // size)


def take(part: Part, rows: Rows, device: torch.device) -> Batch:
    """Return the given rows as one batch."""
    ids = part.ids[rows]
    return Batch(
        _with_bags(ids, part, device) if part.bags else torch.from_numpy(ids.astype(np.int64)).to(device),
        torch.from_numpy(part.dense[rows]).to(device),
        torch.from_numpy(part.labels[rows]).to(device),
    )


def _with_bags(ids: NDArray[np.int32], part: Part, device: torch.device) -> MultiIds:
    single = [place for place in range(ids.shape[1]) if place not in part.bags]
    return MultiIds(
        torch.from_numpy(ids[:, single].astype(np.int64)).to(device),
        tuple(_bag(ids[:, place], bags, device) for place, bags in sorted(part.bags.items())),
    )


def _bag(numbers: NDArray[np.int32], bags: Bags, device: torch.device) -> Bag:
    """Return what the bags with these numbers hold, [B]."""
    starts = bags.starts[numbers]
    lengths = bags.starts[numbers + 1] - starts
    ends = np.cumsum(lengths)
    # The place of each value: counted up from where its bag starts.
    places = np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)
    values = torch.from_numpy(bags.values[places].astype(np.int64)).to(device)
    return Bag(values, torch.from_numpy(ends - lengths).to(device))
