"""Batches by index: each batch is one gather of rows, without Python code for single rows.

Letters: B batch, T tasks.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from automtl_core.data.part import Part
from automtl_core.modules.features import Bag, Features, Past

Item = TypeVar("Item")
Rows = NDArray[np.int64]
"""Indices of rows in a part."""

BLOCK = 1 << 12
"""Number of neighbouring rows that are read together."""
WINDOW = 1 << 20
"""Number of rows that are shuffled together."""


class Batch(NamedTuple):
    """B examples."""

    features: Features
    labels: Tensor  # [B, T] float32, NaN where an example lacks the label
    groups: Callable[[], Tensor | None] = lambda: None
    """Returns the number of the list or user of each example, 0 for none, [B] int32; see `Part.groups`."""
    row_weights: Tensor | None = None  # [B, T] float32
    """Weights of examples by task; None if all are 1."""

    @property
    def weights(self) -> Tensor:
        """Weights of examples by task, 0 where the label is missing, [B, T]."""
        known = ~self.labels.isnan()
        return known.float() if self.row_weights is None else torch.where(known, self.row_weights, 0.0)


def batches(
    part: Part, size: int, device: torch.device, order: Iterable[Rows] | None = None
) -> Iterator[Batch]:
    """Yield the rows of `order`, an iterable of index arrays, in batches; if it is None, all in stored order.

    The last batch may be smaller.
    For a device other than the CPU, the next batch is prepared and copied while the previous one is in use.
    On the CPU this would gain nothing, as the CPU is busy with that one.
    """
    if order is None:
        order = (np.arange(start, min(start + size, len(part))) for start in range(0, len(part), size))
    return read(part, _equal(order, size), device)


def read(part: Part, rows: Iterable[Rows], device: torch.device) -> Iterator[Batch]:
    """Yield a batch for each array of rows; for a GPU, the next one is prepared while one is in use."""
    made = (take(part, of_batch, device) for of_batch in rows)
    return made if device.type == "cpu" else ahead(made)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items; a thread computes the next item while the previous one is in use."""
    with ThreadPoolExecutor(1, "batches") as thread:
        coming = thread.submit(lambda: list(islice(items, 1)))
        while ready := coming.result():
            coming = thread.submit(lambda: list(islice(items, 1)))
            yield ready[0]


def _equal(order: Iterable[Rows], size: int) -> Iterator[Rows]:
    """Yield the rows of all arrays, `size` at a time, and the remaining rows at the end."""
    left = np.empty(0, dtype=np.int64)
    for run in order:
        rows = np.concatenate([left, run])
        full = len(rows) // size * size
        for start in range(0, full, size):
            yield rows[start : start + size]
        left = rows[full:]
    if len(left):
        yield left


def shuffled_rows(rows: int, random: np.random.Generator) -> Iterator[Rows]:
    """Yield the indices of all rows in an order that is random within windows, one window after another.

    Blocks of consecutive rows are shuffled, then the rows of all blocks that fill a window, so that
    data larger than memory is read block by block. Data of one window is shuffled as a whole.

    Args:
        rows: Number of rows.
        random: Generator of the order.

    """
    if rows <= WINDOW:
        yield random.permutation(rows)
        return
    blocks = random.permutation(-(-rows // BLOCK))
    for start in range(0, len(blocks), WINDOW // BLOCK):
        window = blocks[start : start + WINDOW // BLOCK]
        of_blocks = [np.arange(b * BLOCK, min((b + 1) * BLOCK, rows)) for b in window]
        yield random.permutation(np.concatenate(of_blocks))


def steps(rows: int, size: int) -> int:
    """Return the number of batches of one pass over `rows` rows."""
    return -(-rows // size)


def take(part: Part, rows: Rows, device: torch.device) -> Batch:
    """Return rows of a part as one batch.

    Raises:
        ArtifactError: a file of the part has become shorter.

    """
    part.check_whole()
    columns = part.ids[rows]
    bags, histories = [], []
    for place, of_field in sorted(part.bags.items()):
        values, lengths = of_field.held(columns[:, place])
        bags.append(Bag(_on(device, values), _on(device, np.cumsum(lengths) - lengths)))
    kinds: tuple[DTypeLike, ...] = (np.int64, np.float32, np.float32, np.bool_, np.int64)
    for history in part.histories:
        arrays = zip(history.padded(rows), kinds, strict=True)
        histories.append(Past(*(_on(device, np.asarray(array, kind)) for array, kind in arrays)))
    ids = np.delete(columns, list(part.bags), axis=1) if bags else columns
    features = Features(
        _on(device, ids.astype(np.int64)), _on(device, part.dense[rows]), tuple(bags), tuple(histories)
    )
    numbers = part.groups
    groups = (lambda: None) if numbers is None else lambda: _on(device, numbers[rows])
    weights = None if part.weights is None else _on(device, part.weights[rows])
    return Batch(features, _on(device, part.labels[rows]), groups, weights)


def _on(device: torch.device, array: NDArray[Any]) -> Tensor:
    """Return an unshared array as a tensor on a device; a copy to a GPU does not block."""
    tensor = torch.from_numpy(array)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
