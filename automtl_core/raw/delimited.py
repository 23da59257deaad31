"""The grammar of delimited text: lines, quotes and separators; plain or compressed.

Lines end in a line feed, or in a carriage return and a line feed; blank lines are skipped. Text is UTF-8, or
UTF-16 with a byte order mark; other lines may have an encoding that is declared. A value that starts with a
quote ends with one, and may contain doubled quotes, separators and line breaks; any other quote is part of
its value.
"""

import codecs
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
"""Longest row in bytes, as for DuckDB."""
BLOCK = 1 << 18
"""Number of bytes that are read at once."""
NOT_UTF8 = "not UTF-8"
"""The problem of a row with bytes that are not UTF-8."""

_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)("?)')
BAD_BYTES = re.compile("[\udc80-\udcff]")
End = Literal["whole", "open", "broken"]
"""End of the last value of a row: correct; without the closing quote; or with text after the closing
quote."""


class Values(NamedTuple):
    """The values of a row, up to the first malformed one."""

    values: list[str]
    end: End
    bare_return: int | None
    """Index of the first value with a carriage return outside of quotes."""


class Problem(NamedTuple):
    """A fault that makes a row malformed under any declaration of columns."""

    place: int | None
    """Index of the faulty value; None for a fault of the whole row."""
    reason: str


Row = tuple[int, str, list[str], Problem | None]
"""The line where a row starts, from 1; its text; its values; and its problem, if any."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; .gz and .zst files are decompressed, and UTF-16 becomes UTF-8.

    Raises:
        DataError: compressed data or UTF-16 is truncated or damaged (raised while reading); or .zst is not
            supported.
        InputMissingError: the file cannot be read.

    """
    open_file, damage = _opener(path)
    try:
        stream = open_file(path, "rb")
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}", "check the file") from None
    try:
        with stream:
            start = stream.peek(4)[:4]
            marks = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
            is_wide = start.startswith(marks) and not start.startswith(codecs.BOM_UTF32_LE)
            yield codecs.EncodedFile(stream, "utf-8", "utf-16") if is_wide else stream
    except UnicodeError as error:
        raise DataError(f"{path}: damaged UTF-16: {error}", "get a new copy") from None
    except EOFError:
        raise DataError(f"{path}: cut off: its compressed data does not end", "get a complete copy") from None
    except damage as error:
        raise DataError(f"{path}: not a {path.suffix} file, or damaged: {error}", "get a new copy") from None


def blocks(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Yield a file in blocks of whole lines without the last line feed, and whether there was one.

    A byte order mark is removed; a line is truncated after `LINE_LIMIT`.
    """
    rest, chunk = b"", stream.read(BLOCK).removeprefix(codecs.BOM_UTF8)
    while chunk:
        block, feed, rest = (rest + chunk).rpartition(b"\n")
        if feed:
            yield block, True
        rest = rest[: LINE_LIMIT + 1]
        chunk = stream.read(BLOCK)
    if rest:
        yield rest, False


class Lines:
    """The lines of a file, with lookahead.

    Args:
        stream: The file.
        encoding: Encoding of lines that are not UTF-8; empty if they are faults.

    """

    def __init__(self, stream: BinaryIO, encoding: str = "") -> None:
        self._encoding = encoding
        self.terminated = True
        """Whether the text that was read so far ends in a line feed."""
        self._stream = self._read(stream)
        self._ahead: deque[str] = deque()
        self._size = 0
        """Number of bytes in `_ahead`."""
        self._open = 0
        """Number of lines in `_ahead` that do not close a quote that was open before."""
        self._end: End | None = None
        """End of the open value in the first line that closes it; None if not yet read."""

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        """Yield each line without its line feed, and whether it certainly has no quotes."""
        for line, plain in self._stream:
            yield line, plain
            while self._ahead:
                ahead = self._ahead.popleft()
                self._size -= _size(ahead) + 1
                if self._open:
                    self._open -= 1
                else:
                    self._end = None
                yield ahead, False

    def until_closed(self, size: int, separator: str) -> int | None:
        """Return the number of lines until an open quote of the current line, of `size` bytes, is closed.

        None if it is not closed correctly within `LINE_LIMIT`. No line is read ahead twice.
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

    def _read(self, stream: BinaryIO) -> Iterator[tuple[str, bool]]:
        for block, self.terminated in blocks(stream):
            plain, text = _is_plain(block), block.decode("utf-8", "surrogateescape")
            lines = text.split("\n")
            if self._encoding and _has_bad_bytes(text):
                raw = zip(block.split(b"\n"), lines, strict=True)
                other = self._encoding
                lines = [b.decode(other, "surrogateescape") if _has_bad_bytes(t) else t for b, t in raw]
            for line in lines:
                yield line, plain


def rows(lines: Lines, separator: str) -> Iterator[Row]:
    """Yield each row of a file.

    After a quote that is not closed, or closed within a value, the next row starts in the next line, so that
    such a quote costs one row. Time is proportional to the file, memory to `LINE_LIMIT`.
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
        while at < quoted.end():  # the value contains separators
            at += len(next(pieces)) + len(separator)
    return Values(values, "whole", bare_return)


def _opener(path: Path) -> tuple[Callable[[Path, str], Any], tuple[type[Exception], ...]]:
    """Return the function that opens a file, and the exceptions for damaged files."""
    if path.suffix == ".gz":
        return gzip.open, (gzip.BadGzipFile, zlib.error)
    if path.suffix != ".zst":
        return open, ()
    for module in ("compression.zstd", "backports.zstd"):
        with suppress(ModuleNotFoundError):
            zstd = importlib.import_module(module)
            return zstd.open, (zstd.ZstdError,)
    what = f"{path}: .zst cannot be read: no package for it is installed"
    raise DataError(what, "run `pip install 'automtl[zst]'`, or decompress the file")


def _is_plain(block: bytes) -> bool:
    """Return whether lines hold only values and separators, with equal line endings."""
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
    r"""Return a text with bytes that are not UTF-8 written as `\xff`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _has_bad_bytes(text: str) -> bool:
    return not text.isascii() and BAD_BYTES.search(text) is not None
