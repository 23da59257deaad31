"""Random samples of rows. Letters: R rows, S rows of a sample."""

import numpy as np
from numpy.typing import NDArray

WHOLE = 1 << 24
"""Number of rows up to which a sample is taken from a permutation of all rows."""


def some_rows(rows: int, count: int, random: np.random.Generator, whole: int = WHOLE) -> NDArray[np.int64]:
    """Return the sorted indices of `count` random rows, all of them if there are fewer, [S].

    With more rows than `whole`, the sample has one random row from each of `count` equal runs of rows, so
    that its memory follows the sample, and not the rows.
    """
    if count >= rows:
        return np.arange(rows)
    if rows <= whole:
        return np.sort(random.permutation(rows)[:count])
    bounds = np.arange(count + 1) * rows // count
    return bounds[:-1] + random.integers(np.diff(bounds))


def latest_rows(times: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Return the sorted indices of the `count` latest rows, [S]; of rows of one time, the last ones.

    Args:
        times: Time of each row as a rank, [R].
        count: Number of rows, at most R.

    """
    later = np.cumsum(counts_of(times)[::-1])[::-1]  # rows of a time and of later ones
    cut = int(np.flatnonzero(later >= count)[-1])
    after = np.flatnonzero(times > cut)
    equal = np.flatnonzero(times == cut)
    return np.sort(np.concatenate([after, equal[len(equal) - (count - len(after)) :]]))


def counts_of(ranks: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the number of rows of each rank from 0 on, without copies of all ranks [R]."""
    chunks = [ranks[start : start + WHOLE] for start in range(0, len(ranks), WHOLE)]
    counts = np.zeros(max((int(chunk.max()) for chunk in chunks), default=-1) + 1, np.int64)
    for chunk in chunks:
        counts += np.bincount(chunk, minlength=len(counts))
    return counts
