"""Reading of prepared rows: in chunks as stored, or decoded to raw values.

Letters: R rows, V values of bags.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.encoder import Value
from automtl_core.data.part import Bags, Part
from automtl_core.data.store import Prepared

CHUNK = 1 << 20
"""Number of rows, or of values of bags, in a chunk."""


def chunks(part: Part) -> Iterator[Part]:
    """Yield the rows of a part, `CHUNK` at a time, still memory-mapped."""
    for start in range(0, len(part), CHUNK):
        yield part.some(slice(start, start + CHUNK))


def held(bags: Bags) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """Yield the values of all bags in chunks: the number of each value's bag, [V], and the value, [V]."""
    for start in range(0, len(bags.values), CHUNK):
        values = np.asarray(bags.values[start : start + CHUNK])
        first, last = np.searchsorted(bags.starts, [start, start + len(values) - 1], side="right") - 1
        bounds = np.clip(bags.starts[first : last + 2], start, start + len(values))
        yield np.repeat(np.arange(first, last + 1), bounds[1:] - bounds[:-1]), values


def sample(prepared: Prepared, count: int) -> list[dict[str, Value]]:
    """Return the first training rows, decoded to the values of each field and label, see `Encoder.decode`.

    Numbers are rounded, since they are stored in single precision.
    """
    columns = prepared.encoder.decode(prepared.part("train").some(slice(count)))
    rounded = {
        name: [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
        for name, values in columns.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*rounded.values(), strict=True)]
