"""Delimited text, record by record: what a raw file holds, and which of its rows do not fit.

This is the arbiter. DuckDB reads clean files, and faster, but it tells little about the others, and takes some
of them in a way of its own; `ambiguous` knows which.

Lines end in a line feed, or in a carriage return and a line feed; blank lines are no records; text is UTF-8. A
value that starts with a quote ends with one, and may hold doubled quotes, separators and line breaks; any other
quote is part of its value.
"""

import gzip
import importlib
import math
import re
import zlib
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from automtl_core.dataset import Column, RawFile
from automtl_core.errors import DataError, InputMissingError
from automtl_core.text import did_you_mean, printable

LINE_LIMIT = 2_000_000
"""Longest record that is read, in bytes; DuckDB's limit too."""
SHOWN = 80
"""Characters of a faulty row or value that a message shows."""

_CHUNK = 1 << 18
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", ":": "colons"}
_FORMATS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "gzip data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"PAR1": "a Parquet file",
}
_QUOTED = re.compile(r'"((?:[^"]|"")*+)("?)')
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


class Fault(NamedTuple):
    """Why a record does not fit."""

    line: int
    """The line of the file where the record starts, from 1."""
    column: str | None
    """The column whose value is at fault; None where it is the row as a whole."""
    reason: str
    """Names the column and the value, if there are; safe to print."""
    text: str
    r"""The record as it stands in the file, cut after `LINE_LIMIT`; bytes that are no UTF-8 are `\xff` and alike."""


class Record(NamedTuple):
    """A row of a file."""

    line: int
    """The line of the file where it starts, from 1."""
    fields: list[str]
    """Its values, one a column of `layout` unless there is a fault; a blank is an empty text."""
    fault: Fault | None
    """Why it does not fit, if it does not."""


def shown(text: str) -> str:
    """Return a row or a value of a raw file as a message shows it."""
    line = printable(text.split("\n")[0])
    return f'"{line[:SHOWN]}..."' if len(line) > SHOWN or "\n" in text else f'"{line}"'


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; what ends in .gz or .zst is decompressed.

    Raises:
        DataError: compressed data is cut off or damaged, found out while reading; or .zst cannot be read.
        InputMissingError: the file cannot be read.

    """
    open_it, damage = _opener(path)
    try:
        with open_it(path, "rb") as stream:
            yield stream
    except EOFError:
        raise DataError(f"{path}: cut off: its compressed data does not end", "get a complete copy") from None
    except damage as error:
        raise DataError(f"{path}: damaged {path.suffix} file: {error}", "get a sound copy") from None
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}", "check its permissions") from None


def layout(path: Path, file: RawFile) -> tuple[str, ...]:
    """Return all columns of a file in their order, from its header if it has one.

    Raises:
        DataError: the file is empty, is no text in UTF-8 with the declared separator, or has another header;
            the message starts with `path:1:`.

    """
    with opened(path) as stream:
        if reason := _unreadable(stream.read(_CHUNK)):
            raise DataError(f"{path}:1: {reason}", "write it as text in UTF-8, with line feeds")
    with opened(path) as stream:
        first = next(_rows(_Lines(stream), file.separator), None)
    if first is None:
        raise DataError(f"{path}:1: the file is empty", "get a complete copy of the file")
    if other := _other_separator(first, file):
        raise DataError(
            f"{path}:1: {_SEPARATORS[other]} separate the values, declared is {file.separator!r}",
            f"declare the separator {other!r}, or write the file with {file.separator!r}",
        )
    if not file.header:
        return tuple(file.columns)
    if reason := _header_fault(first, file):
        raise DataError(f"{path}:1: {reason}", f"make the first line {file.separator.join(file.columns)}")
    return tuple(first.fields)


def records(path: Path, file: RawFile) -> Iterator[Record]:
    """Yield each record of a file, behind its header, with its fault if it does not fit.

    A quote that is not closed, or closed amid a value, costs one row: reading goes on in the next line. This
    takes time in proportion to the file, and memory for `LINE_LIMIT`.

    Raises:
        DataError: see `layout` and `opened`.

    """
    columns = layout(path, file)
    judge = _judge(columns, file)
    with opened(path) as stream:
        lines = _Lines(stream)
        rows = _rows(lines, file.separator)
        if file.header:
            next(rows)
        found = (Record(row.line, row.fields, judge(row)) for row in rows)
        yield from _without_cut_tail(found, lines, len(columns)) if file.cut_tail else found


def ambiguous(path: Path, file: RawFile) -> bool:
    """Return whether DuckDB could take a file for a table that is not quite what `records` finds there.

    It reads over NUL, over blank values behind the last column, and over spaces and further text around
    quoted values, and finds a value in the blank lines of a single column. A file without these is read alike,
    or DuckDB reports faults. The answer may be true of files that would be read alike.

    Raises:
        DataError: see `layout` and `opened`.

    """
    columns = len(layout(path, file))
    separator = file.separator.encode()
    ends = re.compile(re.escape(separator) + rb'(?:"")?\r?\n')
    lines = separators = 0
    quotes = blank_ends = False
    with opened(path) as stream:
        for block in _whole_lines(stream):
            if b"\0" in block or b"\n\n" in block or b"\n\r\n" in block or block[:1] == b"\n":
                return True
            if b'"' in block:
                quotes = True
                if b' "' in block or b'" ' in block:
                    return True
            blank_ends = blank_ends or ends.search(block) is not None
            lines += block.count(b"\n")
            separators += block.count(separator)
        if file.cut_tail:
            pass
    return blank_ends if quotes else separators != lines * (columns - 1)
