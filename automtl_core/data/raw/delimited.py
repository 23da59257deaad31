"""The grammar of delimited text: lines, quotes and separators; plain or compressed.

Lines end in a line feed, or in a carriage return and a line feed; blank lines are no rows; text is UTF-8. A
value that starts with a quote ends with one, and may hold doubled quotes, separators and line breaks; any
other quote is part of its value.
"""

import gzip
import importlib
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from automtl_core.errors import DataError, InputMissingError

LINE_LIMIT = 2_000_000
"""Longest row that is read, in bytes; DuckDB's limit too."""
BLOCK = 1 << 18
"""Bytes that are read at once."""

NOT_UTF8 = "not UTF-8"
"""The problem of a row with bytes that are no text."""

_BOM = b"\xef\xbb\xbf"
_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)("?)')
_SURROGATE = re.compile("[\udc80-\udcff]")


End = Literal["whole", "open", "broken"]
"""How the last value of a row ends: well; without the closing quote; or with more text behind it."""


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


Row = tuple[int, str, list[str], Problem | None]
"""The line where a row starts, from 1; its text; its values; and what is wrong with it, if anything."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; what ends in .gz or .zst is decompressed.

    Raises:
        DataError: compressed data is cut off or damaged, found out while reading; or .zst cannot be read.
        InputMissingError: the file cannot be read.

    """
    open_file, damage = _opener(path)
    try:
        stream = open_file(path, "rb")
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}", "check the file") from None
    try:
        with stream:
            yield stream
    except EOFError:
        raise DataError(f"{path}: cut off: its compressed data does not end", "get a complete copy") from None
    except damage as error:
        raise DataError(f"{path}: no {path.suffix} file, or damaged: {error}", "get a sound copy") from None


def blocks(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Yield a file in blocks of whole lines without the last line feed, and whether there was one.

    A byte order mark is left out, and so is most of a line behind `LINE_LIMIT`.
    """
    rest, chunk = b"", stream.read(BLOCK).removeprefix(_BOM)
    while chunk:
        block, feed, rest = (rest + chunk).rpartition(b"\n")
        if feed:
            yield block, True
        rest = rest[: LINE_LIMIT + 1]
        chunk = stream.read(BLOCK)
    if rest:
        yield rest, False


class Lines:
    """The lines of a file, and a look at those ahead."""

    def __init__(self, stream: BinaryIO) -> None:
        self.terminated = True
        """Whether what was read so far ends in a line feed."""
        self._stream = self._read(stream)
        self._ahead: deque[str] = deque()
        self._size = 0
        """Bytes of the lines in `_ahead`."""
        self._open = 0
        """How many of these leave a quote open that was open before."""
        self._end: End | None = None
        """How the next one ends it, if that has been looked at."""

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        """Yield each line without its line feed, and whether it surely holds but values and separators."""
        for line, plain in self._stream:
            yield line, plain
            while self._ahead:
                yield self._pop(), False

    def until_closed(self, size: int, separator: str) -> int | None:
        """Return how many lines ahead a quote ends that the present line, of `size` bytes, leaves open.

        None if it does not end well within `LINE_LIMIT`. Each line is looked at once, however many there are.
        """
        while self._end is None and size + self._size <= LINE_LIMIT:
            if self._open == len(self._ahead):
                line, _ = next(self._stream, (None, None))
                if line is None:
                    return None
                self._ahead.append(line)
                self._size += _size(line) + 1
            end = split('"' + self._ahead[self._open].removesuffix("\r"), separator).end
            if end == "open":
                self._open += 1
            else:
                self._end = end
        fits = size + self._size <= LINE_LIMIT
        return self._open + 1 if fits and self._end == "whole" else None

    def _pop(self) -> str:
        line = self._ahead.popleft()
        self._size -= _size(line) + 1
        if self._open:
            self._open -= 1
        else:
            self._end = None
        return line

    def _read(self, stream: BinaryIO) -> Iterator[tuple[str, bool]]:
        for block, self.terminated in blocks(stream):
            plain = _is_plain(block)
            for line in block.decode("utf-8", "surrogateescape").split("\n"):
                yield line, plain


def rows(lines: Lines, separator: str) -> Iterator[Row]:
    """Yield each row of a file.

    After a quote that does not end, or ends amid a value, the next row starts in the next line, so that it
    costs one row. Takes time in proportion to the file, and memory for `LINE_LIMIT`.
    """
    number = 0
    stream = iter(lines)
    for line, plain in stream:
        number += 1
        text = line.removesuffix("\r")
        if not text:
            continue
        if plain:
            yield number, text, text.split(separator), None
            continue
        start, found, size = number, split(text, separator), _size(text)
        if found.end == "open" and (more := lines.until_closed(size, separator)):
            number += more
            text = "\n".join([line, *(next(stream)[0] for _ in range(more))]).removesuffix("\r")
            found, size = split(text, separator), _size(text)
        problem = _problem(text, found, size)
        if _has_bad_bytes(text):
            yield start, _legible(text), list(map(_legible, found.values)), problem
        else:
            yield start, text, found.values, problem


def split(text: str, separator: str) -> Values:
    """Split a row at its separators outside of quotes."""
    values: list[str] = []
    bare_return: int | None = None
    at = 0
    pieces = iter(text.split(separator))
    for piece in pieces:
        if not (piece.startswith('"') and (quoted := _QUOTED.match(text, at))):
            if bare_return is None and "\r" in piece:
                bare_return = len(values)
            values.append(piece)
            at += len(piece) + len(separator)
            continue
        values.append(quoted[1].replace('""', '"'))
        if not quoted[2]:
            return Values(values, "open", bare_return)
        if quoted.end() < len(text) and not text.startswith(separator, quoted.end()):
            return Values(values, "broken", bare_return)
        at += len(piece) + len(separator)
        while at < quoted.end():  # the value holds separators
            at += len(next(pieces)) + len(separator)
    return Values(values, "whole", bare_return)


def _opener(path: Path) -> tuple[Callable[[Path, str], Any], tuple[type[Exception], ...]]:
    """Return what opens a file, and what reading raises if the file is damaged."""
    if path.suffix == ".gz":
        return gzip.open, (gzip.BadGzipFile, zlib.error)
    if path.suffix != ".zst":
        return open, ()
    for module in ("compression.zstd", "backports.zstd"):
        with suppress(ModuleNotFoundError):
            zstd = importlib.import_module(module)
            return zstd.open, (zstd.ZstdError,)
    raise DataError(
        f"{path}: .zst cannot be read: no package for it is installed",
        "run `pip install 'automtl[zst]'`, or decompress the file",
    )


def _is_plain(block: bytes) -> bool:
    """Return whether lines hold but values and separators, and all end alike."""
    if b'"' in block or b"\0" in block or len(block) > LINE_LIMIT:
        return False
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    returns, lines = block.count(b"\r"), block + b"\n"
    return returns == 0 or returns == lines.count(b"\r\n") == lines.count(b"\n")


def _problem(text: str, found: Values, size: int) -> Problem | None:
    last = len(found.values) - 1
    if size > LINE_LIMIT:
        return Problem(None, f"longer than {LINE_LIMIT} bytes")
    if found.end == "open":
        return Problem(last, "a quoted value does not end")
    if found.end == "broken":
        return Problem(last, "text follows a closing quote")
    if found.bare_return is not None:
        return Problem(found.bare_return, "holds a carriage return without quotes around it")
    if "\0" in text or _has_bad_bytes(text):
        for place, value in enumerate(found.values):
            if "\0" in value:
                return Problem(place, "holds a NUL byte")
            if _has_bad_bytes(value):
                return Problem(place, NOT_UTF8)
    return None


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _legible(text: str) -> str:
    r"""Return a text whose bytes that are not UTF-8 are written as `\xff` and alike."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _has_bad_bytes(text: str) -> bool:
    return not text.isascii() and _SURROGATE.search(text) is not None
