"""Files of unknown origin: only plain files are read, up to a size, and JSON only as JSON defines it.

All JSON of the core is read and written here, with each number as it is (`denormals.exact`).
"""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

from automtl_core.denormals import exact
from automtl_core.errors import ArtifactError

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


@exact()
def json_text(value: Any, **style: Any) -> str:
    """Return a value as JSON; `style` are arguments of `json.dumps`."""
    return json.dumps(value, **style)


@exact()
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
