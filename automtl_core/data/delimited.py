"""The grammar of delimited text: lines, quotes, separators; plain or compressed.

Lines end in a line feed, or in a carriage return and a line feed; blank lines are no rows; text is UTF-8. A value
that starts with a quote ends with one, and may hold doubled quotes, separators and line breaks; any other quote
is part of its value.
"""

import gzip
import importlib
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from automtl_core.errors import DataError, InputMissingError

LINE_LIMIT = 2_000_000
"""Longest row that is read, in bytes; DuckDB's limit too."""
BLOCK = 1 << 18
_BOM = b"\xef\xbb\xbf"
_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)("?)')
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


class End(Enum):
    """How the last value of a row ends."""

    WHOLE = auto()
    OPEN = auto()
    """It lacks the closing quote."""
    BROKEN = auto()
    """Text that is no separator follows its closing quote."""


class Values(NamedTuple):
    """The values of a row, up to the first that does not end well."""

    values: list[str]
    end: End
    bare_return: int | None
    """Place of the first value that holds a carriage return without quotes around it."""


class Problem(NamedTuple):
    """Why a row is none, whatever its columns."""

    place: int | None
    """Of the value at fault; None where it is the row as a whole."""
    reason: str


class Row(NamedTuple):
    """A row of a file, its header too."""

    line: int
    """The line of the file where it starts, from 1."""
    text: str
    values: list[str]
    problem: Problem | None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; what ends in .gz or .zst is decompressed.

    Raises:
        DataError: compressed data is cut off or damaged, found out while reading; or .zst cannot be read.
        InputMissingError: the file cannot be read.

    """
    open_file, damage = _opener(path)
    try:
        with open_file(path, "rb") as stream:
            yield stream
    except EOFError:
        raise DataError(f"{path}: cut off: its compressed data does not end", "get a complete copy") from None
    except damage as error:
        raise DataError(f"{path}: no {path.suffix} file, or damaged: {error}", "get a sound copy") from None
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}", "check the file") from None


def blocks(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Yield a file in blocks of whole lines without the last line feed, and whether there was one.

    A byte order mark is left out, and so is most of a line behind `LINE_LIMIT`.
    """
    rest = stream.read(len(_BOM)).removeprefix(_BOM)
    while chunk := stream.read(BLOCK):
        block, feed, rest = (rest + chunk).rpartition(b"\n")
        if feed:
            yield block, True
        rest = rest[: LINE_LIMIT + 1]
    if rest:
        yield rest, False


class Lines(Iterator[bytes]):
    """The lines of a file without line feeds, and a look at those ahead."""

    def __init__(self, stream: BinaryIO) -> None:
        self.terminated = True
        """Whether the last line that was read ends in a line feed."""
        self._stream = self._read(stream)
        self._ahead: deque[bytes] = deque()
        self._size = 0
        # What is known of the lines ahead, if a quote is open before them: as many leave it open, then it ends so.
        self._open = 0
        self._end: End | None = None

    def __next__(self) -> bytes:
        if not self._ahead:
            return next(self._stream)
        line = self._ahead.popleft()
        self._size -= len(line) + 1
        if self._open:
            self._open -= 1
        else:
            self._end = None
        return line

    def until_closed(self, size: int, separator: str) -> int | None:
        """Return in which line ahead a quote ends that the present line, of `size` bytes, leaves open.

        None if it does not end well within `LINE_LIMIT`. Looks at each line once, however many are open.
        """
        while self._end is None and size + self._size <= LINE_LIMIT:
            if self._open == len(self._ahead):
                line = next(self._stream, None)
                if line is None:
                    return None
                self._ahead.append(line)
                self._size += len(line) + 1
            end = split('"' + _decoded(self._ahead[self._open]), separator).end
            if end is End.OPEN:
                self._open += 1
            else:
                self._end = end
        fits = size + self._size <= LINE_LIMIT
        return self._open + 1 if fits and self._end is End.WHOLE else None

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        for block, self.terminated in blocks(stream):
            yield from block.split(b"\n")


def rows(lines: Lines, separator: str) -> Iterator[Row]:
    """Yield each row of a file.

    After a quote that does not end, or amid a value, the next row starts in the next line.
    """
    number = 0
    for line in lines:
        number += 1
        text = _decoded(line)
        if not text:
            continue
        if _is_plain(line, text):
            yield Row(number, text, text.split(separator), None)
            continue
        start, found = number, split(text, separator)
        if found.end is End.OPEN and (more := lines.until_closed(len(line), separator)):
            line = b"\n".join([line, *(next(lines) for _ in range(more))])  # noqa: PLW2901
            number += more
            text = _decoded(line)
            found = split(text, separator)
        yield Row(start, _legible(text), [_legible(value) for value in found.values], _problem(found, len(line)))


def split(text: str, separator: str) -> Values:
    """Split a row at its separators outside of quotes."""
    values: list[str] = []
    bare_return: int | None = None
    at = 0
    while True:
        if quoted := _QUOTED.match(text, at):
            at = quoted.end()
            values.append(quoted[1].replace('""', '"'))
            if not quoted[2]:
                return Values(values, End.OPEN, bare_return)
            if at < len(text) and not text.startswith(separator, at):
                return Values(values, End.BROKEN, bare_return)
        else:
            start, at = at, text.find(separator, at)
            at = len(text) if at < 0 else at
            values.append(text[start:at])
            if bare_return is None and "\r" in values[-1]:
                bare_return = len(values) - 1
        if at == len(text):
            return Values(values, End.WHOLE, bare_return)
        at += len(separator)
