"""Raw files become typed tables.

The format of a file is declared, and never guessed. DuckDB reads files that fit their declaration; otherwise
`records` reads the file again, and reports the faulty rows with their lines. The remedy is to repair a row
or, if many rows have the same fault, to correct their common cause.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import duckdb
from duckdb import CSVLineTerminator

from automtl_core.dataset.dataset import Dataset, RawFile
from automtl_core.errors import DataError
from automtl_core.raw import columnar
from automtl_core.raw.delimited import LINE_LIMIT, NOT_UTF8, opened
from automtl_core.raw.find import Source, Sources
from automtl_core.raw.records import (
    NOT_CONVERTED,
    Fault,
    FileLayout,
    Record,
    ambiguous,
    file_layout,
    located,
    records,
)
from automtl_core.raw.sql import DB, check_names, create, one_file, quoted, typed
from automtl_core.system.progress import Progress

SKIP = (
    "leave such rows out: --set dataset.bad_rows=skip (new rows: --max-bad-rows N); "
    "`automtl check` lists them"
)
PARQUET = ".parquet"
"""Ending of files that are no text."""
REPAIR = f"repair the row, or {SKIP}"


class Rejected(NamedTuple):
    """A skipped row of a raw file."""

    file: str
    """The file; empty for a table in memory."""
    fault: Fault

    def __str__(self) -> str:
        if not self.file:
            return f"row {self.fault.line - 1} (the first one is 0): {self.fault.reason}"
        if Path(self.file).suffix == PARQUET:
            return f"{self.file}: row {self.fault.line}: {self.fault.reason}"
        return located(self.file, self.fault)


def read(db: DB, dataset: Dataset, sources: Sources, work_dir: Path, progress: Progress) -> list[Rejected]:
    """Create the tables of a dataset, and return the skipped rows; raises as `load` does.

    Raises:
        DataError: a table has no rows.

    """
    chosen = dataset.settings
    rejected: list[Rejected] = []
    for place, (table, files) in enumerate(sources.items()):
        progress("read", place / len(sources))
        most = chosen.max_bad_rows - len(rejected) if chosen.bad_rows == "skip" else None
        rejected += load(db, table, files, work_dir, most)
        if not db.table(quoted(table)).limit(1).fetchall():
            raise DataError(f"{files[0].path}: holds no rows", "get a complete copy of the file")
    return rejected


def load(db: DB, table: str, sources: Sequence[Source], work_dir: Path, most: int | None) -> list[Rejected]:
    """Create a table from the files of one declaration, and return the skipped rows.

    Integers become BIGINT, numbers DOUBLE, all other values text; blank values become NULL, and unused
    columns are dropped.

    Args:
        db: Database from `connect`.
        table: Name of the table to create.
        sources: Files with the same columns.
        work_dir: Folder for copies without faulty rows.
        most: Largest number of rows to skip; None if a faulty row is an error.

    Raises:
        DataError: the header does not fit the declaration, or there are (too many) faulty rows; the message
            begins with `path:line:`.

    """
    rejected: list[Rejected] = []
    for place, source in enumerate(sources):
        check_names(source.file.columns, source.path)
        left = (most or 0) - len(rejected)
        part = f"{table} part {place}"
        if source.path.suffix == PARQUET:
            faults = columnar.load(db, part, source.path, source.file, left)
        else:
            faults = _load_text(db, part, source, work_dir, left, most is None)
        if len(faults) > left:
            fix = REPAIR
            if most is not None:
                more = "--set dataset.max_bad_rows=N (new rows: --max-bad-rows N)"
                fix = f"repair such rows, or allow more than {left}: {more}"
            raise DataError(str(Rejected(str(source.path), faults[0])), fix)
        rejected += [Rejected(source.name, fault) for fault in faults]
    first, *others = (quoted(f"{table} part {place}") for place in range(len(sources)))
    for other in others:
        db.execute(f"INSERT INTO {first} FROM {other}")
        db.execute(f"DROP TABLE {other}")
    db.execute(f"ALTER TABLE {first} RENAME TO {quoted(table)}")
    return rejected


def unread(db: DB, sources: Sources) -> list[str]:
    """Return the columns of raw files that no declaration names, by the first file of each table."""
    declared, found = set[str](), list[str]()
    for source, *_ in sources.values():
        declared |= source.file.columns.keys()
        if source.path.suffix == PARQUET:
            found += columnar.types_of(db, source.path)
        else:
            found += file_layout(source.path, source.file).columns
    return [name for name in dict.fromkeys(found) if name not in declared]


def place_of(db: DB, sources: Sequence[Source], row: int) -> str:
    """Return the file and the line of a row of the table of some files, as text for a message.

    Args:
        db: Database that may read the files.
        sources: Files of one declaration.
        row: Number of the row among the valid rows of all files, from 0.

    """
    for source in sources:
        if source.path.suffix == PARQUET:
            rows = columnar.rows_of(db, source.path)
            if row < rows:
                return f"{source.path}: row {row + 1}"
        else:
            rows = 0
            for record in records(file_layout(source.path, source.file)):
                if record.fault is None:
                    if rows == row:
                        return f"{source.path}:{record.line}"
                    rows += 1
        row -= rows
    return f"{sources[-1].path}"


def _load_text(db: DB, table: str, source: Source, work_dir: Path, most: int, strict: bool) -> list[Fault]:
    """Create a table from a delimited file, and return the faulty rows, at most one above `most`."""
    found = file_layout(source.path, source.file)
    if not ambiguous(found) and _read(db, table, found):
        return []
    faults: list[Fault] = []

    def valid() -> Iterator[Sequence[str]]:
        following = records(found)
        for record in following:
            if record.fault is None:
                yield record.fields
            elif strict:
                raise refused(source.path, source.file, record.fault, following)
            else:
                faults.append(record.fault)
                if len(faults) > most:
                    return

    load_copy(db, table, found, valid(), work_dir)
    return faults


def refused(path: Path, file: RawFile, first: Fault, following: Iterable[Record]) -> DataError:
    """Return the error for the first faulty row of a file, and the records after it.

    The file has a fault as a whole if a tenth of the next 1,000 rows, and five rows, have the same fault.
    """
    faults = [first, *(record.fault for record in islice(following, 999))]
    kind = first.column, first.reason.partition(", found ")[0]
    same = [
        fault for fault in faults if fault and (fault.column, fault.reason.partition(", found ")[0]) == kind
    ]
    message = located(path, first)
    many = len(same) >= max(5, 0.1 * len(faults))
    if many and len(faults) > 1:
        message += f"; the same fault in {len(same):,} of {len(faults):,} rows"
    return DataError(message, _fix(file, first, many))


def _fix(file: RawFile, fault: Fault, many: bool) -> str:
    if fault.reason.endswith(NOT_UTF8):
        return f"{NOT_CONVERTED}; or {SKIP}"
    if not many:
        return REPAIR
    if fault.column is None:
        return f"declare the actual columns, or quote values with {file.separator!r}, such as decimal commas"
    column, value = file.columns[fault.column], fault.reason.rpartition(", found ")[2].strip('"')
    if column.kind == "integer" and not column.among and re.fullmatch("[+-]?[0-9]{1,3}(,[0-9]{3})+", value):
        return f"write numbers without thousands separators: {value.replace(',', '')}"
    if column.kind != "text" and re.fullmatch("[+-]?[0-9]+,[0-9]+", value):
        return f"write numbers with a decimal point: {value.replace(',', '.')}"
    remedy = column.remedy or f"convert the column {fault.column}, or declare its actual type"
    return remedy.replace("{value}", value)


def load_copy(db: DB, table: str, layout: FileLayout, rows: Iterable[Sequence[str]], work_dir: Path) -> None:
    """Create a table from valid rows of a file, through a copy in `work_dir`.

    Raises:
        DataError: DuckDB cannot read the copy.

    """
    clean = work_dir / f"{table}.csv"
    with clean.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    whole = RawFile(clean.name, layout.file.columns, header=False)
    # Quotes make the rows of the copy longer.
    if not _read(db, table, FileLayout(clean, whole, layout.columns, returns=False), 3 * LINE_LIMIT):
        raise DataError(f"{layout.path}: cannot be read", "write it again with plain commas and line breaks")
    clean.unlink()


def _read(db: DB, table: str, found: FileLayout, longest: int = LINE_LIMIT) -> bool:
    """Create a table from a file, and return whether all rows fit the declaration."""
    end = CSVLineTerminator.CARRIAGE_RETURN_LINE_FEED if found.returns else CSVLineTerminator.LINE_FEED
    declared = found.file.columns
    used = [name for name, column in declared.items() if column.kind != "unused"]  # in the declared order
    # A header may contain names that SQL does not accept.
    seen = {name: f"c{n}" for n, name in enumerate(found.columns)}
    try:
        scan = db.read_csv(
            one_file(found.path),
            columns=dict.fromkeys(seen.values(), "VARCHAR"),
            header=found.file.header,
            sep=found.file.separator,
            quotechar='"',
            escapechar='"',
            auto_detect=False,
            max_line_size=longest,
            lineterminator=end,
            store_rejects=True,
            rejects_limit=2,
        )
        chosen = [
            f"{typed(seen.get(name, 'CAST(NULL AS VARCHAR)'), declared[name])} AS {quoted(name)}"
            for name in used
        ]
        create(db, table, scan.project(", ".join(chosen or ["1 AS nothing"])))
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        db.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
        return False
    rejects = db.execute(
        "SELECT DISTINCT line_byte_position - 1, error_type FROM reject_errors "
        "JOIN reject_scans USING (scan_id, file_id) WHERE file_path = ?",
        [str(found.path.resolve())],
    ).fetchall()
    if rejects == [] or (len(rejects) == 1 and found.file.cut_tail and _is_cut_tail(found.path, *rejects[0])):
        return True
    db.execute(f"DROP TABLE {quoted(table)}")
    return False


def _is_cut_tail(path: Path, start: int, kind: str) -> bool:
    """Return whether a rejected row, which starts at a byte, is a truncated last line."""
    with opened(path) as stream:
        stream.seek(start)
        return kind == "MISSING COLUMNS" and b"\n" not in stream.read(LINE_LIMIT + 2).rstrip(b"\r\n")
