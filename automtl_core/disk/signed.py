"""JSON files with their own SHA-256, and digests of files: changes and damage are detected."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automtl_core.disk.files import write_atomic
from automtl_core.disk.plain_file import read_json
from automtl_core.errors import ArtifactError

KEY = "sha256"


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return JSON that is equal for equal values, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(path: Path) -> str | None:
    """Return the digest of a file; None if there is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_signed(path: Path, form: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write `content` with its format version and digest; return the value that `read_signed` returns."""
    whole = {"format": form, **content}
    signed = {**whole, KEY: hashlib.sha256(canonical(whole)).hexdigest()}
    write_atomic(path, (json.dumps(signed, indent=2) + "\n").encode())
    return whole


def read_signed(path: Path, form: int, fix: str) -> dict[str, Any]:
    """Read a file of `write_signed`.

    Args:
        path: The file.
        form: The supported format version.
        fix: Remedy in error messages.

    Raises:
        ArtifactError: it is missing, damaged, or of another format.

    """
    content = read_json(path, fix)
    if not isinstance(content, dict) or content.get("format") != form:
        raise ArtifactError(f"{path}: is of another format, written by another version", fix)
    try:
        intact = content.pop(KEY, None) == hashlib.sha256(canonical(content)).hexdigest()
    except (ValueError, RecursionError):
        intact = False
    if not intact:
        raise ArtifactError(f"{path}: damaged: its SHA-256 is not the recorded one", fix)
    return content
