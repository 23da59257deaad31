"""Documents: files of unknown origin, JSON as JSON defines it, and typed and signed values in it.

Only plain files are read, up to a size. All JSON of the core is read and written here, with each number as it
is (`flushed(False)`). A signed file holds its own SHA-256, so that changes and damage are detected: the
digest is the last value of the file, and covers the bytes before it. Earlier versions wrote a digest of the
values (`canonical`), which is accepted too.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from automtl_core.errors import ArtifactError
from automtl_core.system.files import write_atomic
from automtl_core.system.process_state import flushed

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SIZE_LIMIT = 256 << 20
"""Largest size of a JSON file in bytes."""


def read_plain(path: Path, limit: int, partly: bool = False) -> bytes:
    """Return the content of a file.

    Args:
        path: The file.
        limit: Largest number of bytes.
        partly: Whether a longer file is read up to the limit, and is no error.

    Raises:
        OSError: it cannot be read, it is a folder, a pipe or a device, or it has more bytes than the limit.

    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a regular file", str(path))  # reading a pipe may never end
        # `read` would allocate as many bytes as it may return.
        content = file.read(min(status.st_size, limit) + (not partly))
    if len(content) > limit:
        raise OSError(0, f"longer than {limit} bytes", str(path))
    return content


def read_json(path: Path, fix: str, limit: int = SIZE_LIMIT) -> Any:
    """Return the content of a JSON file.

    Raises:
        ArtifactError: it cannot be read, or is not JSON.

    """
    return parse_json(read_text(path, fix, limit), f"{path}: damaged", fix)


def read_text(path: Path, fix: str, limit: int = SIZE_LIMIT) -> str:
    """Return the content of a text file.

    Raises:
        ArtifactError: it cannot be read, or is not UTF-8.

    """
    try:
        return read_plain(path, limit).decode()
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}", fix) from None
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: not UTF-8: {error.reason}", fix) from None


@flushed(False)
def json_text(value: Any, **style: Any) -> str:
    """Return a value as JSON; `style` are arguments of `json.dumps`."""
    return json.dumps(value, **style)


@flushed(False)
def parse_json(text: str, where: object, fix: str) -> Any:
    """Return the value of a JSON text, without duplicate keys and numbers that are not finite.

    Raises:
        ArtifactError: it is not such a text; the message begins with `where`.

    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ArtifactError(f"{where}: not JSON: {reason}", fix) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r:.100} is duplicate")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.100} is not finite")
    return number


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return JSON that is equal for equal values, for hashing."""
    return json_text(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(path: Path) -> str | None:
    """Return the digest of a file; None if there is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_signed(path: Path, form: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write `content` with its format version and digest; return the value that `read_signed` returns."""
    whole = {"format": form, **content}
    write_atomic(path, _signed(json_text(whole, indent=2).removesuffix("\n}")).encode())
    return whole


def _signed(body: str) -> str:
    """Return the text of a file without its last value, with that value."""
    return f'{body},\n  "sha256": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'


def read_signed(path: Path, form: int, fix: str) -> dict[str, Any]:
    """Read a file of `write_signed`.

    Args:
        path: The file.
        form: The supported format version.
        fix: Remedy in error messages.

    Raises:
        ArtifactError: it is missing, damaged, or of another format.

    """
    text = read_text(path, fix)
    content = parse_json(text, f"{path}: damaged", fix)
    if not isinstance(content, dict) or content.get("format") != form:
        raise ArtifactError(f"{path}: is of another format, written by another version", fix)
    digest = content.pop("sha256", None)
    intact = text == _signed(text.rpartition(',\n  "sha256"')[0])
    with suppress(RecursionError):
        intact = intact or digest == hashlib.sha256(canonical(content)).hexdigest()
    if not intact:
        raise ArtifactError(f"{path}: damaged: its SHA-256 is not the recorded one", fix)
    return content


@dataclass(frozen=True)
class Value:
    """Base of frozen dataclasses whose fields are plain values or other `Value`s."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, value: object, where: object) -> Self:
        """Return the value from the result of `to_json`.

        Args:
            value: Content of a JSON file.
            where: Name of the file in messages.

        Raises:
            ArtifactError: a field is missing, or has another type.

        """
        from pydantic import ValidationError  # whose import takes a twentieth of a second

        try:
            found: Self = reader(cls).validate_python(value)  # type: ignore[arg-type]
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"])) or "all of it"
            raise ArtifactError(
                f"{where}: damaged, or of another version: {place}: {fault['msg']}", "restore it from a copy"
            ) from None
        return found


@cache
def reader(kind: Any) -> "TypeAdapter[Any]":
    """Return what checks and converts the JSON of a type; it takes milliseconds to build."""
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return adapter


def plain(value: Any) -> Any:
    """Return a value as plain JSON, a path as text; objects with `to_json` are converted by it."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case Path():
            return str(value)
    return value.to_json() if hasattr(value, "to_json") else value
