"""The rows of a raw file that do not fit its columns, with their place in the file."""

import csv
from pathlib import Path
from typing import NamedTuple

import duckdb

from automtl_core.dataset import RawFile
from automtl_core.errors import DataError
from automtl_core.text import printable

LINE_LIMIT = 2_000_000
"""Longest line that is read, in bytes."""
SHOWN = 80
"""Characters of a faulty line that a message shows."""

_FIRST_REJECT = """
    SELECT line_byte_position - 1, error_type, csv_line
    FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
    WHERE file_path = ?
    ORDER BY line_byte_position, byte_position
    LIMIT 1
"""


class Reject(NamedTuple):
    """A row that does not fit."""

    start: int
    """Where its line starts in the file, in bytes."""
    kind: str
    """DuckDB's name of the error."""
    text: str
    """The line."""


def first_fault(db: duckdb.DuckDBPyConnection, path: Path, file: RawFile) -> DataError | None:
    """Return the error of the first row of `path` that did not fit when the file was read, if any."""
    found = db.execute(_FIRST_REJECT, [str(path.resolve())]).fetchall()
    if not found:
        return None
    reject = Reject(*found[0])
    if file.cut_tail and reject.kind == "MISSING COLUMNS" and _is_last_line(path, reject.start):
        return None
    message, fix = _explain(reject, len(file.columns))
    return DataError(f"{path}:{_line_number(path, reject.start)}: {message}", fix)


def _explain(reject: Reject, expected: int) -> tuple[str, str]:
    shown = printable(reject.text.split("\n")[0])
    quoted = f'"{shown[:SHOWN]}..."' if len(shown) > SHOWN else f'"{shown}"'
    match reject.kind:
        case "MISSING COLUMNS" | "TOO MANY COLUMNS":
            found = len(next(csv.reader([reject.text], strict=False)))
            return f"expected {expected} columns, found {found}: {quoted}", "repair or delete the line"
        case "INVALID ENCODING":
            return f"not UTF-8: {quoted}", "convert the file to UTF-8"
        case "UNQUOTED VALUE":
            return f"a quoted value does not end: {quoted}", "repair or delete the line"
        case "LINE SIZE OVER MAXIMUM":
            return f"longer than {LINE_LIMIT} bytes: {quoted}", "check for a quote that is not closed"
    return f"{reject.kind.lower()}: {quoted}", "repair or delete the line"


def _is_last_line(path: Path, start: int) -> bool:
    with path.open("rb") as raw:
        raw.seek(start)
        rest = raw.read(LINE_LIMIT + 2)
    return b"\n" not in rest.rstrip(b"\r\n")


def _line_number(path: Path, start: int) -> int:
    # DuckDB counts rows, and a quoted value may hold line breaks.
    count = 1
    with path.open("rb") as raw:
        while start > 0 and (chunk := raw.read(min(start, 1 << 20))):
            count += chunk.count(b"\n")
            start -= len(chunk)
    return count
