"""New examples, in files or in memory; and those in memory, checked like the rows of a file.

Each column in memory becomes numbers, or texts as the readers of files return them. Nothing is written, and
no database is opened without a log of events. Letters: R rows.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Column as Values, Encoder, common_length, named
from automtl_core.data.event_log import NewEvents, new_events
from automtl_core.data.known import Hashes, Seen, digest_of, of_times, of_values
from automtl_core.data.lists import columns_of_rows, lists_of_rows
from automtl_core.data.part import Part
from automtl_core.dataset.dataset import TEXT, WEIGHT, Column, Dataset, RawFile, columns_of_lists, reading
from automtl_core.dataset.declarations import History
from automtl_core.dataset.layout import MOMENT
from automtl_core.dataset.lists import Lists
from automtl_core.errors import DataError, FaultyRowError, did_you_mean, listing, printable
from automtl_core.fields.encode import LARGEST, floats, text, texts, whole
from automtl_core.fields.field import Bools, Codes, Floats
from automtl_core.raw.load import Rejected
from automtl_core.raw.records import Fault, expected, shown
from automtl_core.raw.sql import DB, TimeRange, Times, any_time, check_comparable, quoted, times_of
from automtl_core.system.progress import Progress, silent

ROWS, CHUNK = 1 << 16, 1 << 14
"""Number of rows that are read together for their digests, and about the number that is encoded together."""
_Read = tuple[NDArray[Any], Bools]
"""The values of a column, numbers, NaN where missing, or texts, None where missing; and whether each fits."""
Examples = pd.DataFrame | Mapping[str, Values]
"""Column -> one value for each row; not modified."""


@dataclass(frozen=True)
class NewExamples:
    """New examples, in files or in memory, with the options to read them."""

    dataset: Dataset
    """Dataset of the examples."""
    examples: Path | Examples
    """A file, or a pattern of several, which are read in the order of their names; or columns as
    `Dataset.new_file` declares them. None, NaN and an empty text are missing values."""
    work_in: Path = Path()
    """Parent of a hidden temporary folder for data of files that does not fit in memory."""
    memory_limit: str | None = None
    """Memory limit of the database of files, such as `512MiB`."""
    histories: tuple[History, ...] = ()
    """Histories of the examples: lists in their rows, or in `log`."""
    log: Path | pd.DataFrame | Mapping[str, Any] | None = None
    """The events up to now: a file, or a pattern of several; or a data frame."""
    most: int | None = None
    """Largest number of faulty rows to skip; None if a faulty row is an error. The setting of the dataset is
    about its own files."""
    progress: Progress = silent
    note: Callable[[str, bool], None] = lambda sentence, is_warning: None
    """Function that receives sentences for the user, and whether they are warnings."""
    labelled: bool = False
    """Whether labels are read."""
    unread: Collection[str] = ()
    """Columns that the network does not read; examples may lack them, and all their values are blank."""
    time: str | None = None
    """Column with the times of rows; None if they are not read."""
    keep: Sequence[str] = ()
    """Further columns of files to keep, unchanged."""
    rule: Lists | None = None
    """The rule by which rows form lists; None without lists."""
    weights: Sequence[str] = ()
    """Columns of the weights of rows; none if they are not read."""
    also: Sequence[str] = ()
    """Further columns in upper or lower case, as texts; missing values where files lack them."""
    identified: bool = False
    """Whether rows are told from known ones: columns that are not read otherwise are read for it, and missing
    values take their place where files lack them."""

    @property
    def lists(self) -> Lists | None:
        """The rule, if lists are needed: for the events of rows, or, without needless times, for metrics."""
        logged = self.log is not None and any(not history.lists for history in self.histories)
        if self.rule is None or logged or self.time or (self.labelled and self.rule.timed):
            return self.rule
        return replace(self.rule, time=None) if self.labelled else None

    def file(self, path: str) -> RawFile:
        """Return the format of a file, or of columns, of examples."""
        declared = self.dataset.new_file(path, self.labelled)
        unread = {n: replace(c, optional=True) for n, c in declared.columns.items() if n in self.unread}
        declared = reading(declared, self.unread)
        if self.time is not None:
            required = {self.time: Column("time", required=True)}
            declared = replace(declared, columns={**declared.columns, **required})
        if self.lists is not None:
            labelled = self.dataset.new_file(path, labelled=True).columns
            declared = with_columns(declared, columns_of_rows(self.lists, labelled))
        declared = with_columns(declared, dict.fromkeys(self.weights, WEIGHT))
        also = [*self.also]
        if self.identified:
            also += [*self.dataset.layout.lists, *([self.moment] if self.moment else [])]
            declared = with_columns(declared, unread)
        names = {name.lower(): name for name in declared.columns}
        also = [names.get(n.lower(), n) for n in also if declared.header or n.lower() in names]
        declared = with_columns(declared, dict.fromkeys(also, replace(TEXT, optional=True)))
        return with_events(declared, self.dataset, self.histories, self.log is not None)

    @property
    def moment(self) -> str | None:
        """The column with the times of rows, which tell equal rows apart; None without one."""
        return self.dataset.time_column or self.dataset.time

    def log_file(self, path: str, history: History) -> RawFile:
        """Return the format of a log of events; one of rows has the columns of lists, where it has them."""
        declared = self.dataset.event_file(path, history)
        if self.lists is None or not history.of_rows:
            return declared
        of_rows = columns_of_rows(self.lists, self.dataset.new_file(path, labelled=True).columns)
        return with_columns(declared, {name: replace(one, optional=True) for name, one in of_rows.items()})

    def encodable(self, rows: pd.DataFrame, events: Sequence[NewEvents], start: int) -> pd.DataFrame:
        """Return rows in the form for `Encoder.encode`: fields and labels, with bags and events as lists.

        Args:
            rows: Some rows of a file or of a frame.
            events: The events of all rows, from a log.
            start: Number of the first row.

        """
        blank = rows.assign(**dict.fromkeys(self.unread)) if self.unread else rows
        made = self.dataset.new_rows(blank, self.labelled)
        lists: dict[str, list[Any]] = {
            name: [_values(joined, read.separator) for joined in made[name].tolist()]
            for name, read in self.dataset.layout.reads.items()
            if read.how == "bag"
        }
        for of_history in events:
            lists |= of_history.lists(start, len(rows))
        for name, column in columns_of_lists(() if events else self.histories).items():
            lists[name] = [entries(value, column.separator) for value in rows[name].tolist()]
        columns = {name: pd.Series(values, made.index, object) for name, values in lists.items()}
        return made.assign(**columns) if columns else made


def with_events(file: RawFile, dataset: Dataset, histories: Sequence[History], logged: bool) -> RawFile:
    """Return the format of rows with histories: lists of events, or for a log an owner and a time.

    Raises:
        DataError: files of the dataset have no header, so that they cannot have lists.

    """
    if not logged:
        if histories and not file.header:
            what = f"{file.path}: files without a header cannot hold lists of events"
            raise DataError(what, "give the events by --history")
        return replace(file, columns={**file.columns, **columns_of_lists(histories)})
    for history in histories:
        declared = dataset.event_file("", history).columns
        names = (history.by, dataset.layout.time_of(history))
        file = with_columns(file, {name: declared[name] for name in names})
    return file


def with_columns(file: RawFile, columns: Mapping[str, Column]) -> RawFile:
    """Return the format of rows with more columns, unless it has them."""
    used = {name for name, column in file.columns.items() if column.kind != "unused"}
    more = {name: column for name, column in columns.items() if name not in used}
    return replace(file, columns={**file.columns, **more})


def entries(value: Any, separator: str) -> list[Any]:
    """Return a list of events from a text with separators or from a list; blanks stay, for alignment."""
    if isinstance(value, str):
        return value.split(separator) if value else []
    return list(value) if isinstance(value, list | tuple | np.ndarray) else []


def _values(joined: Any, separator: str) -> list[str]:
    """Return the values of a joined text, without surrounding spaces."""
    values = [value.strip(" ") for value in joined.split(separator)] if isinstance(joined, str) else []
    return [value for value in values if value]


@dataclass(frozen=True)
class NewRows:
    """Checked new examples."""

    reading: NewExamples
    count: int
    """Number of rows."""
    tables: Callable[[int], Iterator[pd.DataFrame]]
    """Function that yields the rows in order, as many at a time, in the form for `Dataset.new_rows`."""
    rejected: Sequence[Rejected]
    """Faulty rows, which are skipped; in memory their line is the number of the row, from 1."""
    events: Sequence[NewEvents] = ()
    """The events of the rows, from a log."""
    times: Times | None = None
    """The times of the rows, if they are read."""
    lists: Codes | None = None
    """Number of the list of each row, 0 for none, [R]; None where lists are not needed."""
    began: Floats | None = None
    """Time at which the list of each row begins, [R]; None without lists or their times."""
    db: DB | None = None
    """Database with the rows of files."""

    def __len__(self) -> int:
        return self.count

    def later_than(self, newest: float, first: float, name: str) -> Bools:
        """Return whether rows are later than a time, [R]; a sentence names the number of others.

        Args:
            newest: The time.
            first: Time of the first training row.
            name: Name of the newest row, such as `the newest row before`.

        Raises:
            DataError: no row is later, or times are in another unit than those of training rows.

        """
        if not len(self) or self.times is None:
            return np.ones(len(self), bool)
        column, (form, seconds) = str(self.reading.time), self.times
        training = TimeRange("the training rows", form, first, newest)
        check_comparable(column, training, TimeRange("the new rows", form, seconds.min(), seconds.max()))
        later: Bools = seconds > newest
        at = f"later than {column} {self.times.in_words(newest)}, {name}"
        if not later.any():
            fix = "give later rows; to try an update, train a run without its newest days, and give them here"
            raise DataError(f"none of the {len(self):,} rows is {at}", fix)
        if not later.all():
            left = f"{int((~later).sum()):,} of {len(self):,} rows are left out: they are not {at}"
            self.reading.note(left, False)
        return later

    @property
    def digests(self) -> Hashes:
        """The digests of the rows, [R], see `data.known`."""
        return self._told[0]

    @cached_property
    def _told(self) -> tuple[Hashes, list[str]]:
        """The digests, and the columns without a value."""
        reading = replace(self.reading, unread=(), histories=())
        found, there = [np.zeros(0, np.uint64)], dict[str, bool]()
        for rows in self.tables(ROWS):
            times = rows[reading.moment] if reading.moment else None
            made = reading.encodable(rows, (), 0)
            with named():
                hashes = hashes_of_rows(reading.dataset, rows, made, times)
            found.append(digest_of(hashes))
            there = {name: there.get(name, False) or bool(of.any()) for name, of in hashes.items()}
        blank = [
            str(reading.moment) if name == MOMENT else name for name, known in there.items() if not known
        ]
        return np.concatenate(found), blank

    def beyond(self, known: Hashes, who: str) -> Bools:
        """Return whether rows are not among known ones, [R]; a sentence names the number of others.

        Args:
            known: Digests of known rows, [K]; of equal rows as many are known as there are here.
            who: Name of what knows them.

        Raises:
            DataError: all rows are known.

        """
        seen, count = Seen.of(self.digests, known), len(self)
        if not seen.rows.any():
            if blank := self._told[1]:
                told = (
                    f"the rows have no values of {listing(blank)}: whether {who} has seen them cannot be told"
                )
                self.reading.note(told, True)
        elif seen.rows.all():
            fix = "give new rows; keep some aside before the training to test on them"
            raise DataError(f"{who} has seen all of the {count:,} rows", fix)
        else:
            equal = f"; {seen.equal:,} of them equal other rows in all columns, and count by their number"
            left = f"{int(seen.rows.sum()):,} of {count:,} rows are left out: {who} has seen them"
            self.reading.note(left + equal * bool(seen.equal), True)
        return ~seen.rows

    def chunks(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield the rows in order, `size` at a time, in the form for `Encoder.encode`."""
        start = 0
        for rows in self.tables(size):
            yield self.reading.encodable(rows, self.events, start)
            start += len(rows)

    def parts(self, encoder: Encoder) -> Iterator[tuple[pd.DataFrame, Part]]:
        """Yield the rows in order, in the form for `Encoder.encode` and encoded, some at a time.

        Rows have their weights and lists, if these are read, and labelled ones the numbers of their users.
        """
        start, user, numbers = 0, self.reading.dataset.user, dict[str, int]()
        for chunk in self.chunks(CHUNK):
            part, more = encoder.encode(chunk, self.reading.labelled), dict[str, Any]()
            if self.reading.labelled and user in chunk:
                more["users"] = numbered(chunk[user], numbers)
            if self.lists is not None:
                more["lists"] = self.lists[start : start + len(chunk)]
            if self.reading.weights:
                more["weights"] = encoder.weights(chunk)
            yield chunk, replace(part, **more)
            start += len(chunk)


def numbered(column: Values, numbers: dict[str, int]) -> Codes:
    """Return the number of each user, 0 for a blank, [R]; users without a number get the next ones."""
    known = (numbers.setdefault(user, len(numbers) + 1) if user else 0 for user in texts(column))
    return np.fromiter(known, np.int32, len(column))


def hashes_of_rows(
    dataset: Dataset, rows: pd.DataFrame, made: pd.DataFrame, times: "pd.Series[Any] | None"
) -> dict[str, Hashes]:
    """Return the hashes of some rows by column, as `prepare.known` makes them of prepared rows.

    Args:
        dataset: The dataset.
        rows: Rows of a file or of a frame, with the columns of lists.
        made: The same in the form for `Encoder.encode`.
        times: Their times; None without any.

    """
    found, blank = dict[str, Hashes](), [None] * len(rows)
    for name, read in dataset.layout.identity.items():
        values = made[name] if name in made else rows.get(name, blank)
        found[name] = of_values(read, values, dataset.settings.hashed.get(name))
    if times is not None:
        with duckdb.connect() as db:
            db.register("rows", pd.DataFrame({"time": times.astype(object)}))
            seconds = db.sql(f"SELECT {any_time('CAST(time AS VARCHAR)', 'VARCHAR')} FROM rows").df()
            found[MOMENT] = of_times(seconds.iloc[:, 0].to_numpy(np.float64))
    return found


def frame_rows(reading: NewExamples) -> NewRows:
    """Check examples in memory.

    Raises:
        DataError: a column is missing, or there are (too many) faulty rows.

    """
    assert not isinstance(reading.examples, Path)  # noqa: S101 - `new_rows` reads files
    logged = columns_of_lists(history for history in reading.histories if not history.lists)
    most = reading.most or 0
    rows, faults = _checked(reading.examples, reading.file("").columns, "examples", most, logged)
    if len(faults) > most:
        fix = "correct such values, give None for a missing value, or leave such rows out by max_bad_rows=N"
        raise DataError(str(Rejected("", faults[0])), fix)
    if faults:
        rows = rows.drop(index=[fault.line - 1 for fault in faults]).reset_index(drop=True)
    found: dict[str, Any] = {}
    if reading.lists is not None or reading.log is not None or reading.time is not None:
        with duckdb.connect() as db:
            db.register("rows", rows)
            try:
                found = in_tables(db, reading, "rows", partial(_log, db, reading))
            except FaultyRowError as fault:
                where = f"{fault.table}, row {fault.row} (the first one is 0)"
                raise DataError(f"{where}: {fault}", fault.fix) from None

    def tables(size: int) -> Iterator[pd.DataFrame]:
        return (rows.iloc[start : start + size] for start in range(0, len(rows), size))

    return NewRows(reading, len(rows), tables, [Rejected("", fault) for fault in faults], **found)


def in_tables(db: DB, reading: NewExamples, rows: str, log_of: Callable[[History], str]) -> dict[str, Any]:
    """Return the lists, events and times of new rows as attributes of `NewRows`.

    Args:
        db: The database.
        reading: What is read.
        rows: The table of the rows.
        log_of: Function that returns the table of the events of a history.

    """
    found: dict[str, Any] = {}
    if reading.lists is not None:
        found["lists"], found["began"] = lists_of_rows(db, reading.lists, rows)
    if reading.log is not None:
        dataset, lists = reading.dataset, reading.lists
        found["events"] = [
            new_events(db, dataset, one, rows, log_of(one), lists) for one in reading.histories
        ]
    if reading.time is not None:
        found["times"] = times_of(db, reading.time, rows)
    return found


def _log(db: DB, reading: NewExamples, history: History) -> str:
    """Return the table of the events of a history from a log in memory."""
    assert not isinstance(reading.log, Path | None)  # noqa: S101
    columns = reading.log_file("", history).columns
    log, faults = _checked(reading.log, columns, "events")
    if faults:
        fix = "correct the value, or give None for a missing one"
        raise DataError(f"events, {Rejected('', faults[0])}", fix)
    db.register("texts of events", log)
    types = {"integer": "BIGINT", "number": "DOUBLE"}
    typed = ", ".join(
        f"CAST({quoted(name)} AS {types.get(columns[name].kind, 'VARCHAR')}) AS {quoted(name)}"
        for name in map(str, log)
    )
    db.execute(f'CREATE OR REPLACE TEMP TABLE events AS SELECT {typed} FROM "texts of events"')
    return "events"


def _checked(
    examples: Examples, declared: Mapping[str, Column], what: str, most: int = 0, logged: Collection[str] = ()
) -> tuple[pd.DataFrame, list[Fault]]:
    """Return the columns that are read, as numbers and texts, and up to `most` + 1 faulty rows."""
    used = {name: column for name, column in declared.items() if column.kind != "unused"}
    names = [str(name) for name in examples]
    lacking = [name for name, column in used.items() if name not in names and not column.optional]
    if lacking:
        missing = ", ".join(f"{name!r}{did_you_mean(name, names)}" for name in lacking)
        fix = f"add them, with None where no value is known; the columns there are: {listing(names)}"
        if any(name in logged for name in lacking):
            fix = f"give the events up to now by `history`, or {fix}"
        raise DataError(f"the {what} lack {missing}", fix)
    if twice := [name for name in used if names.count(name) > 1]:
        raise DataError(f"two columns of the {what} are called {twice[0]!r}", "give each column its own name")
    named = {str(name): column for name, column in examples.items() if str(name) in used}
    blank = pd.Series(np.full(common_length(named, named), None), dtype=object)
    # Lists become object columns, which keep integers with gaps.
    given = {
        name: column
        if isinstance(column, pd.Series)
        else pd.Series(column, dtype=object if isinstance(column, list | tuple) else None)
        for name, column in named.items()
    }
    checked = {name: _read(given.get(name, blank), column) for name, column in used.items()}
    fits = np.logical_and.reduce([of for _, of in checked.values()])
    faults = []
    for row in np.flatnonzero(~fits)[: most + 1].tolist():
        name = next(name for name, (_, of) in checked.items() if not of[row])
        value, column = given.get(name, blank).iloc[row], used[name]
        if column.separator and pd.api.types.is_list_like(value):
            allowed = f"values without {column.separator!r}"
        else:
            written = text(whole(value) if column.kind == "integer" else value)
            allowed = (None if written is None else expected(written, column)) or "one text or number"
        reason = f"{printable(name)}: expected {allowed}, found {shown(str(value))}"
        faults.append(Fault(row + 1, name, reason, str(value)))
    return pd.DataFrame({name: values for name, (values, _) in checked.items()}), faults


def _read(series: "pd.Series[Any]", column: Column) -> _Read:
    """Return the values of a column, and whether each fits the declaration."""
    if column.required:
        values, fits = _read(series, replace(column, required=False))
        return values, fits & ~pd.isna(values)
    if column.kind != "number":
        return _texts(series, column)
    blanks = column.blanks
    numbers = floats([None if text(whole(v)) in blanks else v for v in series] if blanks else series)
    fits = ~(abs(numbers) > LARGEST)
    return numbers, fits & _texts(series, column)[1] if column.among or column.matching else fits


def _texts(series: "pd.Series[Any]", column: Column) -> _Read:
    """Return values as text; each distinct value is converted and checked once."""
    # Equal objects, such as 1 and True, may have different texts. A few values are converted one by one:
    # this is faster than a search for distinct values. A list or an index of a float32 series prints double
    # precision.
    if series.dtype == object or (len(series) <= 64 and series.dtype != np.float32):
        places, distinct = np.arange(len(series)), list(series)
    else:
        places, index = pd.factorize(series)  # -1 for None and NaN
        distinct = [*(index.to_numpy() if index.dtype == np.float32 else index), None]
    pairs = [_text(value, column) for value in distinct]
    texts = np.fromiter((written for written, _ in pairs), object, len(pairs))
    fits = np.fromiter((fits for _, fits in pairs), bool, len(pairs))
    return texts[places], fits[places]


def _text(value: Any, column: Column) -> tuple[str | None, bool]:
    """Return a value as text, None where it is missing, and whether it fits the declaration."""
    if column.separator and pd.api.types.is_list_like(value):
        texts = [text(item) for item in value]
        known = [item for item in texts if item is not None and column.separator not in item]
        return column.separator.join(known), len(known) == len(texts)
    written = text(whole(value) if column.kind == "integer" else value)
    if not written or written in column.blanks:
        return None, written is not None
    return written, column.anything or expected(written, column) is None
