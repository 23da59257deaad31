"""Digests of rows, by which a run tells rows that it has seen from new ones.

A digest is of the values as read, so that it does not depend on the format of a file, or on the order of its
rows and columns: of fields, labels, columns of lists and the time. Letters: R rows, K known rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.fields.encode import filled, numbers, seconds, texts
from automtl_core.fields.field import Bools, Floats, Read
from automtl_core.fields.lookup import hashes_of, mixed

Hashes = NDArray[np.uint64]


def digest_of(columns: Mapping[str, Hashes]) -> Hashes:
    """Return the digest of each row from the hashes of its values by column, [R]."""
    found = np.zeros(1, np.uint64)
    for name in sorted(columns):
        found = mixed(found ^ columns[name])
    return found


def of_numbers(values: Floats) -> Hashes:
    """Return a hash of each number in single precision, as networks read it, 0 where missing."""
    with np.errstate(over="ignore"):
        return of_times(values.astype(np.float32).astype(np.float64))


def of_times(values: Floats) -> Hashes:
    """Return a hash of each number, 0 where missing."""
    found: Hashes = np.where(np.isnan(values), np.uint64(0), mixed((values + 0.0).view(np.uint64)))
    return found


def of_codes(hashes: Hashes, buckets: int | None = None) -> Hashes:
    """Return a hash of each value from that of its text, 0 for a blank; with buckets, of its bucket."""
    known = hashes % np.uint64(buckets) if buckets else hashes
    found: Hashes = np.where(hashes > 0, mixed(known), np.uint64(0))
    return found


def of_texts(written: Sequence[str]) -> Hashes:
    """Return a hash of each text that may be a time, so that its form does not matter; 0 for a blank."""
    known = {text: seconds(text) for text in set(written)}
    times = np.fromiter((np.nan if known[text] is None else known[text] for text in written), np.float64)
    return np.where(np.isnan(times), of_codes(hashes_of(written)), of_times(times))


def of_values(read: Read, values: Any, buckets: int | None = None) -> Hashes:
    """Return the hashes of the values of a column of new rows, [R]; those of a bag are added up."""
    match read.how:
        case "number":
            return of_numbers(filled(numbers(values), read.missing))
        case "text":
            return of_texts(texts(values))
        case "bag":
            distinct = sorted({value for bag in values for value in bag})
            known = dict(zip(distinct, of_codes(hashes_of(distinct), buckets).tolist(), strict=True))
            sums = (sum({known[value] for value in bag}) % 2**64 for bag in values)
            return np.fromiter(sums, np.uint64, len(values))
    return of_codes(hashes_of(texts(values)), buckets)


class Seen(NamedTuple):
    """Which of some rows are among known rows."""

    rows: Bools
    """Whether a row is known, [R]; of equal rows as many as are known, the first ones."""
    equal: int
    """Number of these that equal other rows in all columns."""

    @classmethod
    def of(cls, digests: Hashes, known: Hashes) -> Self:
        """Look for the digests of rows, [R], among those of known rows, [K]."""
        rows = pd.Series(digests)
        equal = rows.groupby(rows)
        there = rows.map(pd.Series(known).value_counts()).fillna(0)
        seen = equal.cumcount() < there
        several = (equal.transform("size") > 1) | (there > 1)
        return cls(seen.to_numpy(), int((seen & several).sum()))
