"""JSON files with their own SHA-256, and digests of files: changes and damage are detected.

The digest is the last value of a file, and covers the bytes before it. Earlier versions wrote a digest of the
values (`canonical`), which is accepted too.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from automtl_core.disk.files import write_atomic
from automtl_core.disk.plain_file import json_text, parse_json, read_text
from automtl_core.errors import ArtifactError

KEY = "sha256"


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
    return f'{body},\n  "{KEY}": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'


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
    digest = content.pop(KEY, None)
    intact = text == _signed(text.rpartition(f',\n  "{KEY}"')[0])
    with suppress(RecursionError):
        intact = intact or digest == hashlib.sha256(canonical(content)).hexdigest()
    if not intact:
        raise ArtifactError(f"{path}: damaged: its SHA-256 is not the recorded one", fix)
    return content
