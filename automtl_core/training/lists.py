"""Batches of whole lists, for losses that compare the rows of a list.

Letters: R rows, B rows of a batch, L lists.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part, ranges
from automtl_core.training.batches import BLOCK, WINDOW, Rows

Numbers = Callable[[int, int], NDArray[Any]]
"""Returns the numbers of the lists of the rows between two places."""


def list_batches(
    part: Part, size: int, random: np.random.Generator, rows: Rows | None = None
) -> Iterator[Rows]:
    """Yield the rows of each batch, [B].

    Lists are in an order that is random within windows of rows, as in `shuffled_rows`. Batch k holds the
    lists that begin within rows k * size to (k + 1) * size - 1 of that order, so that batches differ a little
    in size, and one is left out where a list is longer than a batch. A row of no list is a list of one row.

    In a part without lists, a list is the rows of a user in a window, which are not stored next to each
    other; those of a user with more rows than `size` are divided.

    Args:
        part: Rows with `groups`.
        size: Number of rows of a batch.
        random: Generator of the order.
        rows: Indices of the rows; None for all.

    """
    order, lengths = np.empty(0, np.int64), np.empty(0, np.int64)
    begin = 0  # place of the first list of `order` in the order of all rows
    for window in _windows(part, random, rows):
        more = _shuffled(part, window, size, random)
        order, lengths = np.concatenate([order, more[0]]), np.concatenate([lengths, more[1]])
        edges = np.append(0, np.cumsum(lengths))
        cuts = np.flatnonzero(np.diff((begin + edges[:-1]) // size)) + 1
        for first, last in pairwise([0, *cuts]):
            yield order[edges[first] : edges[last]]
        done = cuts[-1] if len(cuts) else 0  # the last batch waits for lists of the next window
        begin += int(edges[done])
        order, lengths = order[edges[done] :], lengths[done:]
    if len(order):
        yield order


def _shuffled(
    part: Part, rows: Rows, size: int, random: np.random.Generator
) -> tuple[Rows, NDArray[np.int64]]:
    """Return some rows list by list, the lists in random order, [R], and the length of each list, [L]."""
    numbers = _groups(part)[rows].astype(np.int64)
    single = numbers == 0
    numbers[single] = -1 - np.arange(int(single.sum()))
    order = np.argsort(numbers, kind="stable")
    begins = np.flatnonzero(np.diff(numbers[order], prepend=numbers.min(initial=0) - 1))
    if part.lists is None:
        since = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
        begins = np.flatnonzero(since % size == 0)
    lengths = np.diff(begins, append=len(rows))
    drawn = random.permutation(len(begins))
    return rows[order[ranges(begins[drawn], lengths[drawn])]], lengths[drawn]


def _windows(part: Part, random: np.random.Generator, rows: Rows | None) -> Iterator[Rows]:
    """Yield rows in stored order, or blocks of them in random order, about `WINDOW` at a time."""
    count, groups = len(part if rows is None else rows), _groups(part)
    chosen = None if rows is None else np.sort(rows)

    def between(first: int, last: int) -> Rows:
        return np.arange(first, last) if chosen is None else chosen[first:last]

    def edge(block: int) -> int:
        place = min(block * BLOCK, count)
        if part.lists is None:
            return place
        return _next_begin(lambda first, last: groups[between(first, last)], place, count)

    if count <= WINDOW:
        yield between(0, count)
        return
    blocks = random.permutation(-(-count // BLOCK))
    for start in range(0, len(blocks), WINDOW // BLOCK):
        window = blocks[start : start + WINDOW // BLOCK]
        yield np.concatenate([between(edge(block), edge(block + 1)) for block in window])


def _next_begin(numbers: Numbers, place: int, count: int) -> int:
    """Return the first place from `place` on at which a list begins; `count`, the number of rows, if none."""
    while 0 < place < count:
        seen = numbers(place - 1, min(place + BLOCK, count))
        found = np.flatnonzero((seen[1:] != seen[:-1]) | (seen[1:] == 0))
        if len(found):
            return place + int(found[0])
        place = min(place + BLOCK, count)
    return place


def _groups(part: Part) -> NDArray[np.int32]:
    assert part.groups is not None  # noqa: S101 - as the caller has checked
    return part.groups
