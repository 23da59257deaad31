"""The split of examples into training, validation and test rows. Letters: R rows."""

from collections.abc import Sequence
from typing import TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.raw.sql import codes, count, quoted
from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import DataError, UsageError
from automtl_core.seeds import generator

Parts = NDArray[np.int8]
"""Index into `PARTS` for each row, [R]."""
Number = TypeVar("Number", bound=np.generic)

TRAIN, VALIDATION, TEST = range(3)


def split(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> Parts:
    """Return the part of each row of `examples`, in order.

    Raises:
        DataError: a part has no rows.
        UsageError: the dataset has no column to split by.

    """
    chosen, rows = dataset.settings, count(db, "examples")
    parts = _given(db, dataset) if dataset.part else np.zeros(rows, dtype=np.int8)
    given = [bool((parts == place).any()) for place in (VALIDATION, TEST)]
    free = np.flatnonzero(parts == TRAIN) if any(given) else None
    among = rows if free is None else len(free)
    shares = [
        0 if there else round(among * share)
        for there, share in zip(given, (chosen.validation_fraction, chosen.test_fraction), strict=True)
    ]
    if any(shares):
        drawn = _drawn(db, dataset, name, among, free, shares)
        if free is None:
            parts = drawn
        else:
            parts[free] = drawn
    _check_sizes(parts, dataset, name)
    return parts


def random_parts(rows: int, shares: Sequence[int], seed: int) -> Parts:
    """Return a random split with exact sizes: `shares` rows for validation and for the test."""
    order = generator(seed, "split").permutation(np.arange(rows, dtype=np.int32))
    parts = np.zeros(rows, dtype=np.int8)
    parts[order[: shares[0]]] = VALIDATION
    parts[order[shares[0] : sum(shares)]] = TEST
    return parts


def parts_by_group(groups: NDArray[np.int32], order: NDArray[np.int32], shares: Sequence[int]) -> Parts:
    """Return a split by groups: the first ones of `order` are for the test, the next ones for validation.

    A part is full when another group would increase the distance from its wanted size.

    Args:
        groups: The group of each row, [R]; rows with -1 have no group, and are for training.
        order: Order of all groups.
        shares: Number of rows for validation and for the test.

    """
    reached = np.cumsum(np.bincount(groups[groups >= 0], minlength=len(order))[order])
    parts_of = np.zeros(len(order) + 1, dtype=np.int8)  # the last one belongs to -1
    start = 0
    for place, size in ((TEST, shares[1]), (VALIDATION, shares[0])):
        if size:
            goal = size + (reached[start - 1] if start else 0)
            end = max(start + 1, int(np.abs(reached[start:] - goal).argmin()) + start + 1)
            parts_of[order[start:end]] = place
            start = end
    return parts_of[groups]


def _drawn(
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    name: str,
    rows: int,
    free: NDArray[np.int64] | None,
    shares: Sequence[int],
) -> Parts:
    chosen = dataset.settings
    if chosen.split == "random":
        return random_parts(rows, shares, chosen.split_seed)
    column = dataset.time if chosen.split == "time" else dataset.user
    if column is None:
        raise UsageError(
            f"dataset.split is {chosen.split}, but dataset {name} has no {chosen.split}", "use another split"
        )
    groups = _column(db, f"coalesce({quoted(column)}, -1)", np.int32)
    size = int(groups.max(initial=-1)) + 1 if column in chosen.hashed else count(db, codes(column))
    order = np.arange(size, dtype=np.int32)[::-1]
    if chosen.split == "user":
        order = generator(chosen.split_seed, "split").permutation(order)
    return parts_by_group(groups if free is None else groups[free], order, shares)


def _given(db: duckdb.DuckDBPyConnection, dataset: Dataset) -> Parts:
    cases = " ".join(f"WHEN '{part}' THEN {place}" for place, part in enumerate(PARTS))
    return _column(db, f"CASE {quoted(dataset.part or '')} {cases} END", np.int8)


def _column(db: duckdb.DuckDBPyConnection, expression: str, dtype: type[Number]) -> NDArray[Number]:
    db.execute(f"SELECT {expression} AS value FROM examples")
    return np.asarray(db.fetchnumpy()["value"]).astype(dtype, copy=False)


def _check_sizes(parts: Parts, dataset: Dataset, name: str) -> None:
    sizes = np.bincount(parts, minlength=len(PARTS))
    if sizes.all():
        return
    thresholds = [
        f"{key} (now {value})"
        for key, value in dataset.settings
        if key.startswith("min_") and key != "min_count"
    ]
    fix = f"lower {' or '.join(thresholds)}" if thresholds else "check that the raw files are complete"
    if dataset.settings.split != "random":
        fix += f", or use another split: the split by {dataset.settings.split} needs at least three values"
    raise DataError(
        f"dataset {name}: {sizes.sum() or 'no'} rows are left, too few for {', '.join(PARTS)}", fix
    )
