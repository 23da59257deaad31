"""Raw files become typed tables.

Nothing is guessed about a file: its columns are declared. DuckDB reads what is as declared; where it meets
anything else, `records` reads the file again and tells which rows are at fault, and where.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
from duckdb import CSVLineTerminator

from automtl_core.data.raw import parquet
from automtl_core.data.raw.delimited import LINE_LIMIT
from automtl_core.data.raw.find import Source, source_of
from automtl_core.data.raw.records import Fault, Layout, ambiguous, layout, records, shown
from automtl_core.data.raw.remedies import refused
from automtl_core.data.raw.sql import count, create, quoted, typed
from automtl_core.dataset.dataset import RawFile
from automtl_core.errors import DataError

BLANK = "CAST(NULL AS VARCHAR)"
MORE = "--max-bad-rows N (in a search: --set dataset.max_bad_rows=N)"


class Rejected(NamedTuple):
    """A row of a raw file that is left out."""

    file: str
    fault: Fault


def load(
    db: duckdb.DuckDBPyConnection, table: str, sources: Sequence[Source], work_dir: Path, most: int | None
) -> list[Rejected]:
    """Create a table from the files of one declaration, and return the rows that were left out.

    Integers become BIGINT, numbers DOUBLE, all else text; blank values become NULL, and unused columns are
    left out.

    Args:
        db: Made by `connect`.
        table: Name of the table to create.
        sources: Files with the same columns.
        work_dir: For copies without faulty rows.
        most: Rows to leave out at most; None where a faulty row is an error.

    Raises:
        DataError: the header does not fit, or there are (too many) faulty rows; the message starts with
            `path:line:`.

    """
    rejected: list[Rejected] = []
    for place, source in enumerate(sources):
        left = None if most is None else most - len(rejected)
        part = f"{table} part {place}"
        if source.path.suffix == ".parquet":
            faults = parquet.load(db, part, source.path, source.file, left)
        else:
            faults = _load_text(db, part, source, work_dir, left)
        rejected += [Rejected(source.name, fault) for fault in faults]
    first, *others = (quoted(f"{table} part {place}") for place in range(len(sources)))
    for other in others:
        db.execute(f"INSERT INTO {first} FROM {other}")
        db.execute(f"DROP TABLE {other}")
    db.execute(f"ALTER TABLE {first} RENAME TO {quoted(table)}")
    if not db.table(quoted(table)).limit(1).fetchall():
        raise DataError(f"{sources[0].path}: holds no rows", "get a complete copy of the file")
    return rejected


def _error(path: Path, fault: Fault, fix: str) -> DataError:
    return DataError(f"{path}:{fault.line}: {fault.reason}: {shown(fault.text)}", fix)


def _load_text(
    db: duckdb.DuckDBPyConnection, table: str, source: Source, work_dir: Path, most: int | None
) -> list[Fault]:
    found = layout(source.path, source.file)
    plain = source.survey.lines is not None or not ambiguous(found)
    if plain and _read(db, table, source, found):
        return []
    if most is None:
        following = records(found)
        for record in following:
            if record.fault:
                raise refused(source.path, source.file, record.fault, following)
    clean = work_dir / f"{table}.csv"
    faults = _copy(found, clean, most or 0)
    whole = RawFile(source.file.path, source.file.columns, source.file.header, source.file.others)
    if not _read(db, table, source_of(clean, whole, work_dir), found, copy=True):
        raise DataError(f"{source.path}: cannot be read", "write it again with plain commas and line breaks")
    clean.unlink()
    return faults


def _copy(found: Layout, clean: Path, most: int) -> list[Fault]:
    """Write the rows without a fault to `clean`, and return the faults of the others."""
    faults: list[Fault] = []
    with clean.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if found.file.header:
            writer.writerow(found.columns)
        for record in records(found):
            if record.fault is None:
                writer.writerow(record.fields)
                continue
            faults.append(record.fault)
            if len(faults) > most:
                raise _error(found.path, faults[0], f"repair such rows, or allow more than {most}: {MORE}")
    return faults


def _read(
    db: duckdb.DuckDBPyConnection, table: str, source: Source, found: Layout, copy: bool = False
) -> bool:
    """Create a table from a file, or from its copy, and return whether every row was as declared."""
    returns = found.returns and not copy
    end = CSVLineTerminator.CARRIAGE_RETURN_LINE_FEED if returns else CSVLineTerminator.LINE_FEED
    declared = source.file.columns
    used = [name for name, column in declared.items() if column.kind != "unused"]  # in the same order always
    seen = {name: f"c{n}" for n, name in enumerate(found.columns)}  # a header may hold what SQL does not take
    try:
        scan = db.read_csv(
            str(source.path.resolve()),
            columns=dict.fromkeys(seen.values(), "VARCHAR"),
            header=source.file.header,
            sep=source.file.separator,
            quotechar='"',
            escapechar='"',
            auto_detect=False,
            max_line_size=3 * LINE_LIMIT if copy else LINE_LIMIT,  # quotes make rows longer
            lineterminator=end,
            store_rejects=True,
            rejects_limit=2,
        )
        chosen = [f"{typed(seen.get(name, BLANK), declared[name])} AS {quoted(name)}" for name in used]
        create(db, table, scan.project(", ".join(chosen or ["1 AS nothing"])))
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        db.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
        return False
    if not _all_taken(db, table, source, len(found.columns)):
        db.execute(f"DROP TABLE {quoted(table)}")
        return False
    return True


def _all_taken(db: duckdb.DuckDBPyConnection, table: str, source: Source, columns: int) -> bool:
    """Return whether DuckDB took every row of a file, but for a cut last line, and every value."""
    rejects = db.execute(
        "SELECT DISTINCT line_byte_position - 1, error_type FROM reject_errors "
        "JOIN reject_scans USING (scan_id, file_id) WHERE file_path = ?",
        [str(source.path.resolve())],
    ).fetchall()
    tails = [_last_line(source.path, start) for start, kind in rejects if kind == "MISSING COLUMNS"]
    if rejects and (not source.file.cut_tail or len(rejects) > 1 or tails in ([], [None])):
        return False
    if source.survey.lines is None:
        return True
    rows = count(db, quoted(table)) + source.file.header
    separators = rows * (columns - 1) + sum(
        (tail or b"").count(source.file.separator.encode()) for tail in tails
    )
    return (rows + len(rejects), separators) == (source.survey.lines, source.survey.separators)


def _last_line(path: Path, start: int) -> bytes | None:
    """Return the line that starts at this byte, if it is the last one."""
    with path.open("rb") as raw:
        raw.seek(start)
        line = raw.read(LINE_LIMIT + 2).rstrip(b"\r\n")
    return None if b"\n" in line else line
