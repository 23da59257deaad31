"""Duplicate rows: within the training part, and between training and another part.

Rows are compared by 64-bit hashes: among 20 million different rows, two share a hash in one of 100,000
datasets. Letters: R rows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.part import Part, chunks, held
from automtl_core.data.store import PARTS, Prepared
from automtl_core.disk.value import Value

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Duplicates(Value):
    """Shares of the rows of a part that equal a training row; for the training part, another training row."""

    features: float
    """Share by features alone, as a model receives them: all unseen values are equal."""
    features_and_labels: float


def duplicates(prepared: Prepared) -> dict[str, Duplicates]:
    """Return the share of rows of each part that also occur in training rows."""
    features, whole = (_shares(prepared, labels) for labels in (False, True))
    return {name: Duplicates(features[name], whole[name]) for name in PARTS}


def _shares(prepared: Prepared, labels: bool) -> dict[str, float]:
    train = np.sort(_hashes(prepared.part("train"), labels))
    same = train[1:] == train[:-1]
    found = {"train": float((np.append(same, False) | np.append(False, same)).mean())}
    for name in PARTS[1:]:
        other = np.sort(_hashes(prepared.part(name), labels))  # sorted queries are faster
        places = np.searchsorted(train, other)
        found[name] = float((train[np.minimum(places, len(train) - 1)] == other).mean())
    return found


def _hashes(part: Part, labels: bool) -> Hashes:
    """Return a hash of each row, [R], of its features, or of features and labels."""
    bags = {}  # bags with equal values have equal hashes
    for place, of_field in part.bags.items():
        bags[place] = np.zeros(len(of_field.starts) - 1, dtype=np.uint64)
        for owners, values in held(of_field):
            np.add.at(bags[place], owners, pd.util.hash_array(values))
    found = np.empty(len(part), dtype=np.uint64)
    start = 0
    for chunk in chunks(part):
        mixed = found[start : start + len(chunk)]
        mixed[:] = 0
        for place in range(chunk.ids.shape[1]):
            ids = chunk.ids[:, place]
            _mix(mixed, bags[place][ids] if place in bags else ids)
        for block in (chunk.dense, chunk.labels) if labels else (chunk.dense,):
            for place in range(block.shape[1]):
                _mix(mixed, block[:, place] + np.float32(0))  # turns -0 into 0
        start += len(chunk)
    return found


def _mix(mixed: Hashes, column: NDArray[np.generic]) -> None:
    mixed *= np.uint64(0x9E3779B97F4A7C15)  # odd, so that the order of columns matters
    mixed ^= pd.util.hash_array(np.ascontiguousarray(column))
