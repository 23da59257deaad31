"""Encoded rows.

Letters: R rows, N sparse fields, M dense fields, T tasks, E events, F shared fields, A numbers of an event,
L events of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError
from automtl_core.fields.encode import padded


class Bags(NamedTuple):
    """The values of all bags of a multi-valued field, as ids: bag b has values[starts[b]:starts[b + 1]]."""

    starts: NDArray[np.int64]
    values: NDArray[np.int32]

    def held(self, numbers: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the concatenated values of the bags with these numbers, and the length of each bag, [B]."""
        starts = self.starts[numbers]
        lengths = self.starts[numbers + 1] - starts
        return self.values[ranges(starts, lengths)].astype(np.int64), lengths


def ranges(starts: NDArray[Any], lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Return the places of ranges, one after the other."""
    before = np.cumsum(lengths) - lengths
    places: NDArray[np.int64] = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    return places


class Events(NamedTuple):
    """The events of a history, sorted by owner and time."""

    ids: NDArray[np.int32]  # [E, F]
    """Values of shared fields: 0 where missing, above the vocabulary for values that no training row has."""
    numbers: NDArray[np.uint8 | np.float32]  # [E, A]
    """Outcomes, then other numbers, NaN where missing."""
    times: NDArray[Any]  # [E]


class Padded(NamedTuple):
    """The events of B rows, the latest first, padded to L. The entries of padding are arbitrary."""

    ids: NDArray[np.int32]  # [B, L, F]
    numbers: NDArray[np.uint8 | np.float32]  # [B, L, A]
    ages: NDArray[np.float32]  # [B, L], 0 for padding
    """Time since the event."""
    known: NDArray[np.bool_]  # [B, L], False for padding
    values: NDArray[np.int32]  # [B, F], the row's values of shared fields


@dataclass(frozen=True)
class Histories:
    """The histories of R rows: row r has the events `spans[r, 0]` to `spans[r, 1] - 1`."""

    events: Events
    spans: NDArray[np.integer[Any]]  # [R, 2]
    times: NDArray[Any]  # [R]
    values: NDArray[np.int32]  # [R, F]

    def some(self, rows: slice | NDArray[np.int64]) -> "Histories":
        """Return the histories of some of the rows."""
        return Histories(self.events, self.spans[rows], self.times[rows], self.values[rows])

    def padded(self, rows: slice | NDArray[np.int64]) -> Padded:
        """Return the events of some of the rows."""
        start, end = self.spans[rows].T
        length = max(int((end - start).max(initial=0)), 1)
        known, ids, numbers, times = padded(start, end, length, *self.events)
        ages = (self.times[rows].astype(np.float64)[:, None] - times) * known
        return Padded(ids, numbers, ages.astype(np.float32), known, self.values[rows])


@dataclass(frozen=True)
class Part:
    """Encoded rows, such as those of one part of a dataset; one array row for each example, contiguous."""

    ids: NDArray[np.int32]  # [R, N]
    dense: NDArray[np.float32]  # [R, M], NaN where missing
    labels: NDArray[np.float32]  # [R, T], NaN where a row lacks the label
    bags: Mapping[int, Bags] = field(default_factory=dict)
    """Index of a column of `ids` that holds numbers of bags -> its bags."""
    folds: NDArray[np.int8] | None = None  # [R]
    """Fold of each training row; None unless fields have target statistics: see
    `automtl_core.data.statistics`."""
    users: NDArray[np.int32] | None = None  # [R]
    """Number of the user of each row, 0 for none; None without a user field."""
    histories: tuple[Histories, ...] = ()
    """Histories of the rows, in the order of the schema."""

    def some(self, rows: slice | NDArray[np.int64]) -> "Part":
        """Return some of the rows, with all bags."""
        folds = None if self.folds is None else self.folds[rows]
        users = None if self.users is None else self.users[rows]
        histories = tuple(history.some(rows) for history in self.histories)
        return Part(self.ids[rows], self.dense[rows], self.labels[rows], self.bags, folds, users, histories)

    def check_whole(self) -> None:
        """Check the files that are mapped into memory: to read beyond the end of one kills the process.

        Raises:
            ArtifactError: a file has become shorter.

        """
        for array in self._mapped:
            if (size := array._mmap.size()) < (expected := len(array._mmap)):
                raise ArtifactError(
                    f"{array.filename}: {size:,} bytes, expected {expected:,}: the file was cut",
                    "delete its prepared folder and repeat the command",
                )

    @cached_property
    def _mapped(self) -> list[Any]:
        """The arrays that are files."""
        arrays: list[Any] = [self.ids, self.dense, self.labels, self.folds, self.users]
        arrays += [array for bags in self.bags.values() for array in bags]
        for one in self.histories:
            arrays += [*one.events, one.spans, one.times, one.values]
        return [array for array in arrays if getattr(array, "_mmap", None) is not None]

    def as_read(self, schema: Schema) -> "Part":
        """Return the rows for networks of a schema: without histories if it has none."""
        return self if schema.histories else replace(self, histories=())

    def __len__(self) -> int:
        return len(self.ids)
