"""Encoded rows: their arrays, chunks and samples of them, and random ones.

Letters: R rows, N sparse fields, M dense fields, T tasks, V values of bags, E events, F shared fields, A
numbers of an event, L events of a row, S rows of a sample.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError
from automtl_core.fields.encode import padded
from automtl_core.fields.field import Bools, Codes, Ints, Singles
from automtl_core.fields.lookup import Entries, mixed
from automtl_core.system import seeds

CHUNK = 1 << 20
"""Number of rows, or of values of bags, in a chunk."""
COLUMNS = ("ids", "dense", "labels", "users", "lists", "weights")
"""Arrays of a part with an entry for each row; some may be None."""
WHOLE = 1 << 24
"""Number of rows up to which a sample is taken from a permutation of all rows."""


class Bags(NamedTuple):
    """The values of all bags of a multi-valued field, as ids: bag b has values[starts[b]:starts[b + 1]]."""

    starts: Ints
    values: Codes

    def held(self, numbers: NDArray[np.integer[Any]]) -> tuple[Ints, Ints]:
        """Return the concatenated values of the bags with these numbers, and the length of each bag, [B]."""
        starts = self.starts[numbers]
        lengths = self.starts[numbers + 1] - starts
        return self.values[ranges(starts, lengths)].astype(np.int64), lengths


class Coded(NamedTuple):
    """The values of rows in a column."""

    codes: NDArray[np.integer[Any]]  # [R]
    hashes: NDArray[np.uint64]  # [V]
    """Hash of the value of each code; see `fields.lookup`."""


def ranges(starts: NDArray[Any], lengths: NDArray[Any]) -> Ints:
    """Return the places of ranges, one after the other."""
    before = np.cumsum(lengths) - lengths
    places: Ints = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    return places


class Events(NamedTuple):
    """The events of a history, sorted by owner and time."""

    ids: Codes  # [E, F]
    """Values of shared fields: 0 where missing, above the vocabulary for values that no training row has."""
    numbers: NDArray[np.uint8 | np.float32]  # [E, A]
    """Outcomes, then other numbers, NaN where missing."""
    times: NDArray[Any]  # [E]


class Padded(NamedTuple):
    """The events of B rows, the latest first, padded to L. The entries of padding are arbitrary."""

    ids: Codes  # [B, L, F]
    numbers: NDArray[np.uint8 | np.float32]  # [B, L, A]
    ages: Singles  # [B, L], 0 for padding
    """Time since the event."""
    known: Bools  # [B, L], False for padding
    values: Codes  # [B, F], the row's values of shared fields


@dataclass(frozen=True)
class Histories:
    """The histories of R rows: row r has the events `spans[r, 0]` to `spans[r, 1] - 1`."""

    events: Events
    spans: NDArray[np.integer[Any]]  # [R, 2]
    times: NDArray[Any]  # [R]
    values: Codes  # [R, F]

    def some(self, rows: slice | Ints) -> "Histories":
        """Return the histories of some of the rows."""
        return Histories(self.events, self.spans[rows], self.times[rows], self.values[rows])

    def padded(self, rows: slice | Ints) -> Padded:
        """Return the events of some of the rows."""
        start, end = self.spans[rows].T
        length = max(int((end - start).max(initial=0)), 1)
        known, ids, numbers, times = padded(start, end, length, *self.events)
        ages = (self.times[rows].astype(np.float64)[:, None] - times) * known
        return Padded(ids, numbers, ages.astype(np.float32), known, self.values[rows])


@dataclass(frozen=True)
class Part:
    """Encoded rows, such as those of one part of a dataset; one array row for each example, contiguous."""

    ids: Codes  # [R, N]
    dense: Singles  # [R, M], NaN where missing; the numbers of aggregates come last
    labels: Singles  # [R, T], NaN where a row lacks the label
    bags: Mapping[int, Bags] = field(default_factory=dict)
    """Index of a column of `ids` that holds numbers of bags -> its bags."""
    users: Codes | None = None  # [R]
    """Number of the user of each row, 0 for none; None without a user field. Users outside of the training
    rows have distinct numbers too, unlike unseen ids."""
    histories: tuple[Histories, ...] = ()
    """Histories of the rows, in the order of the schema."""
    coded: Mapping[int, Coded] = field(default_factory=dict)
    """Index of a column of `ids` from a vocabulary -> the values of rows, also those outside of it."""
    lists: Codes | None = None  # [R]
    """Number of the list of each row, 0 for none; None without lists. See `DatasetSettings.list`."""
    weights: Singles | None = None  # [R, T]
    """Weight of each row in the losses of tasks; None if all are 1."""

    @property
    def groups(self) -> Codes | None:
        """Numbers of the rows that are ranked against each other, 0 for none, [R]: lists, or else users."""
        return self.users if self.lists is None else self.lists

    @property
    def units(self) -> Codes | None:
        """Numbers of the users, or else lists, whose rows a standard error takes as one, 0 for none, [R]."""
        return self.lists if self.users is None else self.users

    def some(self, rows: slice | Ints) -> "Part":
        """Return some of the rows, with all bags."""
        arrays: dict[str, Any] = {n: of[rows] for n in COLUMNS if (of := getattr(self, n)) is not None}
        histories = tuple(history.some(rows) for history in self.histories)
        coded = {place: one._replace(codes=one.codes[rows]) for place, one in self.coded.items()}
        return Part(**arrays, bags=self.bags, histories=histories, coded=coded)

    def entries(self, place: int) -> Entries:
        """Return hashes of the values in a column of `ids`."""
        if place in self.bags:
            values, counts = self.bags[place].held(np.asarray(self.ids[:, place]))
            return Entries(mixed(values), counts)
        if place in self.coded:
            codes, hashes = self.coded[place]
            return Entries(hashes[codes])
        return Entries(mixed(self.ids[:, place]))

    def with_numbers(self, numbers: Singles) -> "Part":
        """Return the rows with more columns of `dense`."""
        return replace(self, dense=np.concatenate([self.dense, numbers], axis=1))

    def check_whole(self) -> None:
        """Check the files that are mapped into memory: to read beyond the end of one kills the process.

        Raises:
            ArtifactError: a file has become shorter.

        """
        for array in self._mapped:
            if (size := array._mmap.size()) < (expected := len(array._mmap)):
                what = f"{array.filename}: {size:,} bytes, expected {expected:,}: the file was cut"
                raise ArtifactError(what, "delete its prepared folder and repeat the command")

    @cached_property
    def _mapped(self) -> list[Any]:
        """The arrays that are files."""
        arrays: list[Any] = [getattr(self, name) for name in COLUMNS]
        arrays += [array for bags in self.bags.values() for array in bags]
        arrays += [one.codes for one in self.coded.values()]
        for one in self.histories:
            arrays += [*one.events, one.spans, one.times, one.values]
        return [array for array in arrays if getattr(array, "_mmap", None) is not None]

    def __len__(self) -> int:
        return len(self.ids)


def joined(parts: Sequence[Part]) -> Part:
    """Return the rows of several parts of one dataset, in memory, without histories."""
    first = parts[0]
    names = [name for name in COLUMNS if getattr(first, name) is not None]
    arrays: dict[str, Any] = {n: np.concatenate([getattr(part, n) for part in parts]) for n in names}
    coded = {
        place: Coded(np.concatenate([part.coded[place].codes for part in parts]), one.hashes)
        for place, one in first.coded.items()
    }
    return Part(**arrays, bags=first.bags, coded=coded)


def chunks(part: Part) -> Iterator[Part]:
    """Yield the rows of a part, `CHUNK` at a time, still memory-mapped."""
    for start in range(0, len(part), CHUNK):
        yield part.some(slice(start, start + CHUNK))


def held(bags: Bags) -> Iterator[tuple[Ints, Codes]]:
    """Yield the values of all bags in chunks: the number of each value's bag, [V], and the value, [V]."""
    for start in range(0, len(bags.values), CHUNK):
        values = np.asarray(bags.values[start : start + CHUNK])
        first, last = np.searchsorted(bags.starts, [start, start + len(values) - 1], side="right") - 1
        bounds = np.clip(bags.starts[first : last + 2], start, start + len(values))
        yield np.repeat(np.arange(first, last + 1), bounds[1:] - bounds[:-1]), values


def some_rows(
    rows: int, count: int, random: np.random.Generator, groups: Codes | None = None, whole: int = WHOLE
) -> Ints:
    """Return the sorted indices of `count` random rows, all of them if there are fewer, [S].

    With more rows than `whole`, the sample has one random row from each of `count` equal runs of rows, so
    that its memory follows the sample, and not the rows.

    Args:
        rows: Number of rows, R.
        count: Number of rows of the sample.
        random: Draws the rows.
        groups: Numbers of the groups of rows that are drawn together, such as lists, 0 for none, [R]: the
            sample has whole groups, and at most `count` rows. None to draw each row alone.
        whole: Number of rows.

    """
    if count >= rows:
        return np.arange(rows)
    if groups is not None:
        units = units_of(groups)
        sizes = np.bincount(units)
        order = random.permutation(len(sizes))
        inside = np.zeros(len(sizes), bool)
        inside[order[np.cumsum(sizes[order]) <= count]] = True
        return np.flatnonzero(inside[units])
    if rows <= whole:
        return np.sort(random.permutation(rows)[:count])
    bounds = np.arange(count + 1) * rows // count
    return bounds[:-1] + random.integers(np.diff(bounds))


def units_of(groups: Codes) -> Ints:
    """Return numbers of what is drawn as a whole: the rows of a group, or a row without one, [R].

    Args:
        groups: Number of the group of each row, 0 for none, [R].

    """
    units, alone = groups.astype(np.int64), groups == 0
    units[alone] = int(units.max(initial=0)) + 1 + np.arange(np.count_nonzero(alone))
    return units


def drawn(schema: Schema, count: int) -> Part:
    """Return random rows with ids of the schema, and with missing numbers; always the same ones."""
    random = seeds.generator(0, "drawn")
    ids = np.zeros((count, len(schema.sparse)), np.int32)
    for place, sparse in enumerate(schema.sparse):
        ids[:, place] = random.integers(0, sparse.size, count)
    bags = {}
    for place, sparse in enumerate(schema.sparse):
        if sparse.kind == "bag":
            lengths = random.integers(0, min(sparse.size, 4), count)
            values = [random.choice(np.arange(1, sparse.size), n, replace=False) for n in lengths]
            bags[place] = Bags(np.cumsum([0, 0, *lengths]), np.concatenate(values).astype(np.int32))
            ids[:, place] = np.arange(1, count + 1)
    dense = random.standard_normal((count, schema.n_numbers)).astype(np.float32)
    dense[random.random(dense.shape) < 0.05] = np.nan
    labels = np.full((count, len(schema.tasks)), np.nan, np.float32)
    histories = tuple(drawn_history(schema, history, ids, random) for history in schema.histories)
    return Part(ids, dense, labels, bags, histories=histories)


def drawn_history(schema: Schema, history: History, ids: Codes, random: np.random.Generator) -> Histories:
    """Return random events of rows with these ids; some rows have none, and some values are unseen."""
    ends = random.integers(0, min(history.length, 8) + 1, len(ids)).cumsum()
    spans, places = np.stack([np.append(0, ends[:-1]), ends], axis=1), schema.shared_fields(history)
    shared = [schema.sparse[place] for place in places]
    sizes = [one.size + (0 if one.vectors else 2) for one in shared]  # all vectors are known
    values = [random.integers(0, size, ends[-1]) for size in sizes]
    outcomes = random.integers(0, 2, (ends[-1], len(history.outcomes)), np.uint8)
    numbers = random.standard_normal((ends[-1], len(history.numbers))).astype(np.float32)
    numbers[::5] = np.nan
    events = Events(
        np.array(values, np.int32).reshape(len(values), -1).T,
        np.hstack([outcomes, numbers]) if history.numbers else outcomes,
        -random.integers(1, 1_000_000, ends[-1]).astype(np.float64),
    )
    return Histories(events, spans, np.zeros(len(ids)), ids[:, places])
