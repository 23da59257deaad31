"""The records of a delimited file, with the faults of those that do not fit its declaration.

This reader defines the content of a file. DuckDB is faster, but its error messages are poor, and it reads
some irregular files differently; `ambiguous` detects these.
"""

import codecs
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from automtl_core.dataset.dataset import LARGEST, NOT_NEGATIVE, Column, RawFile
from automtl_core.errors import DataError, did_you_mean, listing, on_one_line, printable
from automtl_core.fields.encode import seconds, whole
from automtl_core.raw.delimited import (
    BAD_BYTES,
    BLOCK,
    LINE_LIMIT,
    NOT_UTF8,
    Lines,
    Row,
    blocks,
    opened,
    rows,
    split,
)

NOT_CONVERTED = (
    "in settings of a table, declare its encoding: dataset.encoding: cp1252, or another one; or convert it "
    "to UTF-8: iconv -f ISO-8859-1 -t UTF-8 FILE > NEW"
)
TABLES = "give a table as CSV, TSV or Parquet"
_FORMATS = {
    b"\xff\xfe\0\0": ("UTF-32", "convert it to UTF-8: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    b"\0\0\xfe\xff": ("UTF-32", "convert it to UTF-8: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    b"\x1f\x8b": ("gzip data", "let its name end in .gz"),
    b"\x28\xb5\x2f\xfd": ("Zstandard data", "let its name end in .zst"),
    b"PAR1": ("Parquet", "let its name end in .parquet"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unpack it, or save it as CSV"),
    b"\x89PNG": ("an image", TABLES),
    b"\xff\xd8\xff": ("an image", TABLES),
    b"GIF8": ("an image", TABLES),
    b"%PDF": ("a PDF", TABLES),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet or a document", "save it as CSV"),
    b"\x93NUMPY": ("an array of numpy", "write a table of its values and rows, such as Parquet"),
    b"SQLite format": ("a database", "export its table as CSV or Parquet"),
    **{bytes([0x80, protocol]): ("a pickle", "write it as CSV or Parquet") for protocol in range(2, 6)},
}
"""First bytes of files that are not delimited text, with their format and a remedy."""


SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", ":": "colons"}
QUICK = {"integer": "-?[1-9][0-9]{0,17}|0", "number": r"-?[0-9]{1,38}(?:\.[0-9]*)?"}
"""Kind of column -> pattern of nearly all of its values; others are told from faults by `expected`."""


class Fault(NamedTuple):
    """A fault of a record that does not fit the declaration."""

    line: int
    """The line of the file where the record starts, from 1."""
    column: str | None
    """The faulty column; None for a fault of the whole row."""
    reason: str
    """Message with the column and the faulty value, if there is one; safe to print."""
    text: str
    r"""The record in the file, truncated if too long; bytes that are not UTF-8 are written as `\xff`."""


class Record(NamedTuple):
    """A row of a file, other than the header."""

    line: int
    """The line of the file where it starts, from 1."""
    fields: list[str]
    """Its values, one for each column of `layout` unless there is a fault; a blank is an empty text."""
    fault: Fault | None
    """Reason why it does not fit the declaration; None if it fits."""


@dataclass(frozen=True)
class FileLayout:
    """The layout of a delimited file."""

    path: Path
    file: RawFile
    """Its declaration."""
    columns: tuple[str, ...]
    """All columns, in order."""
    returns: bool
    """Whether its first line ends in a carriage return and a line feed."""


def shown(text: str, blank: str = '""') -> str:
    """Return a row or a value of a raw file as text for a message."""
    if not text:
        return blank
    line = printable(text.split("\n")[0])
    return f'"{line[:80]}..."' if len(line) > 80 else f'"{line}"'


def located(path: Path | str, fault: Fault) -> str:
    """Return a fault and its place in a file as text for a message."""
    return f"{path}:{fault.line}: {fault.reason}: {shown(fault.text)}"


def file_layout(path: Path, file: RawFile) -> FileLayout:
    """Return the layout of a file, with columns from its header if it has one.

    Raises:
        DataError: the file is empty, is not UTF-8 text with the declared separator, or has another header;
            the message starts with `path:1:`. Also raises as `opened` does.

    """
    with opened(path) as stream:
        head = stream.read(BLOCK)
        _check_format(path, head)
        line = head.partition(b"\n")[0] if b"\n" in head else head + stream.readline(LINE_LIMIT).rstrip(b"\n")
    returns = line.endswith(b"\r")
    with opened(path) as stream:
        first = next(rows(Lines(stream, file.encoding), file.separator), None)
    if first is None:
        raise DataError(f"{path}:1: the file is empty", "get a complete copy of the file")
    declared = set(file.columns)
    for other, name in SIGNS.items() if len(declared) > 1 and len(first[2]) == 1 else ():
        values = split(first[1], other).values
        if len(values) == len(declared) or (file.header and len(declared.intersection(values)) > 1):
            raise DataError(
                f"{path}:1: {name} separate its values, but {file.separator!r} is declared",
                f"declare the separator {other!r}, or write the file with {file.separator!r}",
            )
    if not file.header:
        return FileLayout(path, file, tuple(file.columns), returns)
    if reason := _header_fault(first, file):
        raise DataError(f"{path}:1: {reason}", _header_fix(first, file))
    found = {name.lower(): name for name, c in file.columns.items() if c.optional and name not in first[2]}
    columns = (name if name in declared else found.pop(name.lower(), name) for name in distinct(first[2]))
    return FileLayout(path, file, tuple(columns), returns)


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names of columns; the second `a` is `a.1`, as pandas calls it."""
    return [f"{name}.{n}" if (n := names[:k].count(name)) else name for k, name in enumerate(names)]


def records(laid_out: FileLayout) -> Iterator[Record]:
    """Yield each record of a file, with its fault if it does not fit the declaration.

    After a quote that is not closed, or closed within a value, the next record starts in the next line.

    Raises:
        DataError: as in `opened`.

    """
    file, columns = laid_out.file, laid_out.columns
    judge = _judge(columns, file)
    with opened(laid_out.path) as stream:
        lines = Lines(stream, file.encoding)
        found = rows(lines, file.separator)
        if file.header:
            next(found)
        judged = (Record(row[0], row[2], judge(row)) for row in found)
        for record, following in pairwise(chain[Any](judged, [None])):
            values = len(record.fields)
            short = values < len(columns) or (values == len(columns) and not lines.terminated)
            if not (file.cut_tail and following is None and record.fault and short):
                yield record


def ambiguous(laid_out: FileLayout) -> bool:
    """Return whether DuckDB may read a file differently from `records`, without an error, as it does UTF-16.

    DuckDB reads NUL as text, ignores blank values after the last column, accepts spaces and more quotes
    around a quoted value, and reads a blank line of a single column as a value. The answer is true for some
    files that DuckDB reads correctly, too. DuckDB needs the line ending, which is that of the first
    line, and unknown where a name in the header contains a line break.

    Raises:
        DataError: as in `opened`.

    """
    file, gaps = laid_out.file, len(laid_out.columns) - 1
    if any("\n" in name for name in laid_out.columns):
        return True
    separator = file.separator.encode()
    signs = [b' "', b'" ', *(separator + end for end in (b"\n", b"\r\n", b'""'))]
    with opened(laid_out.path) as stream:
        if isinstance(stream, codecs.StreamRecoder):
            return True
        for (block, _), following in pairwise(chain[Any](blocks(stream), [None])):
            lines = b"\n%b\n" % block
            if b"\0" in block or b"\n\n" in lines:  # a blank line
                return True
            if b"\r" in block and (b"\n\r\n" in lines or lines.count(b"\r") != lines.count(b"\r\n")):
                return True
            if b'"' in block:
                if any(sign in block + b"\n" for sign in signs):
                    return True
                continue
            missing = (block.count(b"\n") + 1) * gaps - block.count(separator)
            if file.cut_tail and following is None:
                missing -= max(gaps - block.rpartition(b"\n")[2].count(separator), 0)
            if missing:
                return True
    return False


def expected(value: str, column: Column) -> str | None:
    """Return the description of an expected value; None if the value is valid. A blank one is required."""
    if column.kind == "integer":
        value = whole(value)
    if column.among and value not in column.among:
        *others, last = map(on_one_line, column.among)
        return f"{', '.join(others)} or {last}" if others else last
    if column.matching and not re.fullmatch(column.matching, value, re.ASCII):
        numbers = column.matching == NOT_NEGATIVE
        return "a number from 0 on" if numbers else f"text that matches {shown(column.matching)}"
    if column.among or column.kind == "text":
        return None
    if column.kind == "integer":
        if re.fullmatch("0|-?[1-9][0-9]*", value):
            # Python does not parse integers of thousands of digits.
            short = len(value) <= 20 and int(value) in range(-(2**63), 2**63)
            return None if short else "an integer of 64 bits"
        padded = re.fullmatch("[+-]?[0-9]+", value)
        return "an integer without plus or leading zeros" if padded else "an integer"
    if column.kind == "vector":
        plain = replace(column, kind="number")
        faulty = any(not one or expected(one, plain) for one in value.split(column.separator))
        return f"numbers with {shown(column.separator)} between them" if faulty else None
    if column.kind == "time":
        return None if seconds(value) is not None else "a number, or a date such as 2024-01-31 23:59:59"
    try:
        number = float(value)
    except ValueError:
        return "a number"
    if not value.isascii() or "_" in value:
        return "a number in digits from 0 to 9"
    if abs(number) <= LARGEST:
        return None
    return f"a number of at most {LARGEST:g}" if math.isfinite(number) else "a finite number"


def _check_format(path: Path, head: bytes) -> None:
    """Check by the first bytes that a file is UTF-8 text with line feeds."""
    for start, (name, fix) in _FORMATS.items():
        if head.startswith(start):
            raise DataError(f"{path}:1: holds {name}, not text in UTF-8", fix)
    if re.match(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[\[{])', head):
        raise DataError(f"{path}:1: holds JSON, not delimited text", "write it as CSV or Parquet")
    first = head.split(b"\n", 1)[0]
    if first.count(0) * 3 > len(first):
        raise DataError(
            f"{path}:1: holds NUL bytes, like UTF-16 or a damaged copy, not text in UTF-8",
            f"convert it to UTF-8, or {TABLES}",
        )
    controls = bytes(code for code in range(32) if code not in b"\t\n\r")
    if first.translate(None, controls) != first and BAD_BYTES.search(
        first.decode("utf-8", "surrogateescape")
    ):
        raise DataError(f"{path}:1: holds binary data, not text", TABLES)
    if b"\n" not in head and b"\r" in head[:-1]:
        raise DataError(f"{path}:1: its lines end in carriage returns only", "end them with line feeds")


def _header_fault(first: Row, file: RawFile) -> str | None:
    line, text, names, problem = first
    found, declared = distinct(names), list(file.columns)
    if line > 1:
        return "the first line is blank, not the header"
    if problem:
        return f"the header: {problem.reason}: {shown(text)}"
    missing = [name for name, column in file.columns.items() if name not in found and not column.optional]
    unknown = [name for name in found if name not in declared]
    if padded := [name for name in unknown if name.strip() in declared]:
        return f"the header has blanks around {padded[0]!r}"
    if len(missing) == len(declared) and not any(did_you_mean(name, found) for name in missing):
        return f"no header: the first line names none of the columns: {shown(text)}"
    second = {*found}.difference(names, declared)
    if twice := [name for name in declared if found.count(name) > 1 or f"{name}.1" in second]:
        return f"the header names {twice[0]!r} twice"
    faults = []
    if missing:
        faults.append(f"lacks {', '.join(repr(name) + did_you_mean(name, found) for name in missing)}")
    if unknown and not file.others:
        faults.append(f"has unknown {', '.join(map(repr, unknown))}")
    if not faults and found != declared and not file.others:
        faults.append("names the columns in another order")
    return f"the header {' and '.join(faults)}" if faults else None


def _header_fix(first: Row, file: RawFile) -> str:
    """Return the remedy for a header: correct it, or the settings that name columns."""
    if first[3] is not None and first[3].reason == NOT_UTF8:
        return NOT_CONVERTED
    columns = on_one_line(file.separator.join(file.columns))
    header = f"let the first line {'name' if file.others else 'be'} {columns}"
    if settings := {c.setting for name, c in file.columns.items() if c.setting and name not in first[2]}:
        return f"correct {listing(settings)} (the first line of the file is {shown(first[1])}), or {header}"
    return header


def _judge(columns: Sequence[str], file: RawFile) -> Callable[[Row], Fault | None]:
    """Return a function that makes declared blanks of a row empty texts, and returns its fault or None."""
    known = [(place, name, file.columns[name]) for place, name in enumerate(columns) if name in file.columns]
    blanks = [(place, frozenset(c.blanks), c.kind == "integer") for place, _, c in known if c.blanks]
    tests = []
    for place, name, column in known:
        quick = re.compile("(?!)" if column.among or column.matching else QUICK.get(column.kind, "(?!)"))
        told = lru_cache(1 << 12)(partial(expected, column=column))  # many values repeat
        tests += [] if column.anything else [(place, name, column.required, quick.fullmatch, told)]

    def judge(row: Row) -> Fault | None:
        line, text, values, problem = row
        for place, texts, integer in blanks:
            if place < len(values) and (whole(values[place]) if integer else values[place]) in texts:
                values[place] = ""
        if problem:
            at = problem.place
            if at is None or at >= len(columns):
                return Fault(line, None, problem.reason, text)
            return Fault(line, columns[at], f"{on_one_line(columns[at])}: {problem.reason}", text)
        if len(values) != len(columns):
            return Fault(line, None, f"expected {len(columns)} columns, found {len(values)}", text)
        for place, name, required, fits, told in tests:
            value = values[place]
            if not fits(value) and (value or required) and (wanted := told(value)):
                reason = f"{on_one_line(name)}: expected {wanted}, found {shown(value, 'a blank')}"
                return Fault(line, name, reason, text)
        return None

    return judge
