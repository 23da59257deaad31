"""New examples in memory: a data frame or a mapping of columns, checked like the rows of a file.

Each column becomes numbers, or texts as the readers of files return them. Nothing is written, and no database
is opened. Letters: R rows.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Column as Values, common_length
from automtl_core.data.new_histories import NewEvents, entries, new_events, with_events
from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw.load import Rejected
from automtl_core.data.raw.records import Fault, expected, shown
from automtl_core.data.raw.sql import quoted
from automtl_core.dataset.dataset import Column, Dataset, RawFile, columns_of_lists, reading, reads_of
from automtl_core.dataset.declarations import History
from automtl_core.errors import DataError, FaultyRowError, did_you_mean, listing, printable
from automtl_core.fields.encode import LARGEST, text, whole

Examples = pd.DataFrame | Mapping[str, Values]
"""Column -> one value for each row; not modified."""
TYPES = {"integer": "BIGINT", "number": "DOUBLE"}
"""Kind of a column -> its type in a database; others are texts."""
FEW = 64
"""Number of rows up to which values are converted one by one."""


@dataclass(frozen=True)
class NewExamples:
    """New examples, in files or in memory, with the options to read them."""

    dataset: Dataset
    """Dataset of the examples."""
    examples: Any
    """A file, or a pattern of several, which are read in the order of their names; or columns as
    `Dataset.new_file` declares them. None, NaN and an empty text are missing values."""
    work_in: Path = Path()
    """Parent of a hidden temporary folder for data of files that does not fit in memory."""
    memory_limit: str | None = None
    """Memory limit of the database of files, such as `512MiB`."""
    progress: Progress = field(default=silent, compare=False)
    histories: tuple[History, ...] = ()
    """Histories of the examples: lists in their rows, or in `log`."""
    log: Any = None
    """The events up to now: a file, or a pattern of several; or a data frame."""
    most: int | None = None
    """Largest number of faulty rows to skip; None if a faulty row is an error. The setting of the dataset is
    about its own files."""


@dataclass(frozen=True)
class NewFormat:
    """The format of new examples: what a network reads of them."""

    reading: NewExamples
    labelled: bool = False
    unread: Collection[str] = ()
    """Columns that the network does not read; examples may lack them, and all their values are blank."""

    def file(self, path: str) -> RawFile:
        """Return the format of a file, or of columns, of examples."""
        dataset, histories = self.reading.dataset, self.reading.histories
        declared = reading(dataset.new_file(path, self.labelled), self.unread)
        return with_events(declared, dataset, histories, self.reading.log is not None)

    def encodable(self, rows: pd.DataFrame, events: Sequence[NewEvents], start: int) -> pd.DataFrame:
        """Return rows in the form for `Encoder.encode`: fields and labels, with bags and events as lists.

        Args:
            rows: Some rows of a file or of a frame.
            events: The events of all rows, from a log.
            start: Number of the first row.

        """
        dataset = self.reading.dataset
        blank = rows.assign(**dict.fromkeys(self.unread)) if self.unread else rows
        made = dataset.new_rows(blank, self.labelled)
        lists: dict[str, list[Any]] = {
            name: [_parts(held, read.separator) for held in made[name].tolist()]
            for name, read in reads_of(dataset.fields).items()
            if read.how == "bag"
        }
        for of_history in events:
            lists |= of_history.lists(start, len(rows))
        for name, column in columns_of_lists(() if events else self.reading.histories).items():
            lists[name] = [entries(value, column.separator) for value in rows[name].tolist()]
        columns = {name: pd.Series(held, made.index, object) for name, held in lists.items()}
        return made.assign(**columns) if columns else made


@dataclass(frozen=True)
class FrameRows:
    """Checked examples in memory."""

    rows: pd.DataFrame
    """Columns in the form for `Dataset.new_rows`."""
    form: NewFormat
    rejected: Sequence[Rejected]
    """Faulty rows, which are skipped; their line is the number of the row, from 1."""
    events: Sequence[NewEvents] = ()
    """The events of the rows, from a log."""

    def __len__(self) -> int:
        return len(self.rows)

    def chunks(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield the rows in order, `size` at a time, in the form for `Encoder.encode`."""
        for start in range(0, len(self), size):
            yield self.form.encodable(self.rows.iloc[start : start + size], self.events, start)


def frame_rows(reading: NewExamples, labelled: bool = False, unread: Collection[str] = ()) -> FrameRows:
    """Check examples in memory; for `labelled` and `unread` see `NewFormat`.

    Raises:
        DataError: a column is missing, or there are (too many) faulty rows.

    """
    form, histories = NewFormat(reading, labelled, unread), reading.histories
    declared = form.file("")
    used = {name: column for name, column in declared.columns.items() if column.kind != "unused"}
    logged = columns_of_lists(one for one in histories if not one.lists)
    given = _columns(reading.examples, used, logged=logged)
    count = len(next(iter(given.values()), ()))
    blank = pd.Series(np.full(count, None), dtype=object)
    read = {name: _read(given.get(name, blank), column) for name, column in used.items()}
    fits = np.logical_and.reduce([column.fits for column in read.values()])
    faulty = np.flatnonzero(~fits).tolist()
    if len(faulty) > (reading.most or 0):
        first = Rejected("", _fault(faulty[0], read))
        skip = "leave such rows out by bad_rows='skip', and more than 100 of them by max_bad_rows=N"
        raise DataError(str(first), f"correct such values, give None for a missing value, or {skip}")
    rows = pd.DataFrame({name: column.values for name, column in read.items()})
    kept = rows[fits].reset_index(drop=True) if faulty else rows
    rejected = [Rejected("", _fault(row, read)) for row in faulty]
    return FrameRows(kept, form, rejected, () if reading.log is None else _of_log(reading, kept))


def _of_log(reading: NewExamples, rows: pd.DataFrame) -> list[NewEvents]:
    """Return the events of rows from a log in memory."""
    dataset, log = reading.dataset, reading.log
    held: list[NewEvents] = []
    with duckdb.connect() as db:
        db.register("rows", rows)
        for history in reading.histories:
            columns = dataset.event_file("", history).columns
            used = {name: column for name, column in columns.items() if column.kind != "unused"}
            given = _columns(log, used, "events")
            read = {name: _read(given[name], used[name]) for name in used}
            fits = np.logical_and.reduce([column.fits for column in read.values()])
            if not fits.all():
                wrong = Rejected("", _fault(int(fits.argmin()), read))
                raise DataError(f"events, {wrong}", "correct the value, or give None for a missing one")
            db.register("texts of events", pd.DataFrame({name: one.values for name, one in read.items()}))
            typed = ", ".join(
                f"CAST({quoted(name)} AS {TYPES.get(one.kind, 'VARCHAR')}) AS {quoted(name)}"
                for name, one in used.items()
            )
            db.execute(f'CREATE OR REPLACE TEMP TABLE events AS SELECT {typed} FROM "texts of events"')
            try:
                held.append(new_events(db, dataset, history, "rows", "events"))
            except FaultyRowError as fault:
                where = f"{fault.table}, row {fault.row} (the first one is 0)"
                raise DataError(f"{where}: {fault}", fault.fix) from None
    return held


class _Read(NamedTuple):
    """A column with its checked values."""

    given: "pd.Series[Any]"
    declared: Column
    values: NDArray[Any]
    """Numbers, NaN where missing; or texts, None where missing; [R]."""
    fits: NDArray[np.bool_]
    """Whether each value fits the declaration, [R]."""


def _columns(
    examples: Examples, used: Mapping[str, Column], what: str = "examples", logged: Collection[str] = ()
) -> Mapping[str, "pd.Series[Any]"]:
    """Return the columns that are read, after a check that they exist and have equal length."""
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
    common_length(named, named)
    return {name: _series(column) for name, column in named.items()}


def _read(series: "pd.Series[Any]", column: Column) -> _Read:
    """Return the values of a column, and whether each fits the declaration."""
    if column.required:
        found = _read(series, replace(column, required=False))
        return found._replace(declared=column, fits=found.fits & ~pd.isna(found.values))
    if column.kind == "number":
        numbers, fits = _numbers(series, column)
        if not column.among and not column.matching:
            return _Read(series, column, numbers, fits)
        return _Read(series, column, numbers, fits & _texts(series, column).fits)
    return _texts(series, column)


def _texts(series: "pd.Series[Any]", column: Column) -> _Read:
    """Return values as text; each distinct value is converted and checked once."""
    # Equal objects, such as 1 and True, may have different texts. A few values are converted one by one:
    # this is faster than a search for distinct values. A list of a float32 series prints double precision.
    if series.dtype == object or (len(series) <= FEW and series.dtype != np.float32):
        places, values = np.arange(len(series)), list(series)
    else:
        places, values = _different(series)
        values.append(None)  # at index -1, for missing values
    pairs = [_text(value, column) for value in values]
    texts = np.fromiter((held for held, _ in pairs), object, len(pairs))
    fits = np.fromiter((fits for _, fits in pairs), bool, len(pairs))
    return _Read(series, column, texts[places], fits[places])


def _text(value: Any, column: Column) -> tuple[str | None, bool]:
    """Return a value as text, None where it is missing, and whether it fits the declaration."""
    if column.separator and pd.api.types.is_list_like(value):
        return _joined(value, column.separator)
    held = text(whole(value) if column.kind == "integer" else value)
    if not held or held in column.blanks:
        return None, held is not None
    return held, column.anything or expected(held, column) is None


def _joined(values: Any, separator: str) -> tuple[str | None, bool]:
    """Return the values of a bag, joined by the separator, and whether all are single texts without it."""
    texts = [text(item) for item in values]
    known = [held for held in texts if held is not None and separator not in held]
    return separator.join(known), len(known) == len(texts)


def _parts(held: Any, separator: str) -> list[str]:
    """Return the values of a joined text, without surrounding spaces."""
    parts = [part.strip(" ") for part in held.split(separator)] if isinstance(held, str) else []
    return [part for part in parts if part]


def _fault(row: int, read: Mapping[str, _Read]) -> Fault:
    """Return the fault of a row: its first column with a wrong value."""
    name, column = next((name, column) for name, column in read.items() if not column.fits[row])
    value = column.given.iloc[row]
    wanted = _wanted(value, column.declared)
    return Fault(
        row + 1, name, f"{printable(name)}: expected {wanted}, found {shown(str(value))}", str(value)
    )


def _wanted(value: Any, column: Column) -> str:
    """Return the description of the expected value."""
    if column.separator and pd.api.types.is_list_like(value):
        return f"values without {column.separator!r}"
    held = text(whole(value) if column.kind == "integer" else value)
    wanted = None if held is None else expected(held, column)
    return wanted or "one text or number"


def _series(column: Values) -> "pd.Series[Any]":
    """Return a column as a series; lists become object columns, which keep integers with gaps."""
    if isinstance(column, pd.Series):
        return column
    return pd.Series(column, dtype=object if isinstance(column, list | tuple) else None)


def _different(series: "pd.Series[Any]") -> tuple[NDArray[np.int64], list[Any]]:
    """Return the index of each row's value, -1 for None and NaN, [R], and the distinct values."""
    places, values = pd.factorize(series)
    single = values.dtype == np.float32  # an index would print its digits in double precision
    return places, list(values.to_numpy() if single else values)


def _numbers(series: "pd.Series[Any]", column: Column) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers, NaN where missing, and whether each is missing or in range; both [R]."""
    if pd.api.types.is_numeric_dtype(series.dtype):
        found = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if column.blanks:
            found = np.where(np.isin(found, column.blank_numbers), np.nan, found)
        return found, ~(abs(found) > LARGEST)
    values = series.to_numpy(dtype=object)
    numbers = (_number(value, column.blanks) for value in values)
    found = np.fromiter(numbers, np.float64, len(values))
    return found, ~(abs(found) > LARGEST)


def _number(value: Any, blanks: Sequence[str]) -> float:
    """Return a value as a number, NaN for a missing one, and infinity for anything else."""
    if (held := text(whole(value))) == "" or held in blanks:
        return np.nan
    try:
        return number if not np.isnan(number := float(value)) else np.inf
    except (TypeError, ValueError, OverflowError):
        return np.inf
