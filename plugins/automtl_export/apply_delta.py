"""Applies the delta of an export to the export before: python apply.py OLD NEW.

It needs the standard library of Python 3.14 or, before that, the package backports.zstd.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

MANIFEST = "delta.json"
"""File of a delta: file of the export -> how it is made, and SHA-256 of it and of the file before."""


def zstd() -> Any:
    """Return the module of the compression."""
    try:
        return import_module("compression.zstd")
    except ModuleNotFoundError:
        return import_module("backports.zstd")


def apply(delta: Path, old: Path, new: Path) -> None:
    """Write an export from the one before and a delta.

    Args:
        delta: Folder of the delta.
        old: Folder of the export before, which stays as it is.
        new: Folder of the new export, which must not exist.

    Raises:
        ValueError: a file is not the one that the delta was made from, or the delta is damaged.

    """
    if new.exists():
        raise ValueError(f"{new}: exists already, and is not replaced")
    draft = new.with_name(f".{new.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for name, entry in json.loads((delta / MANIFEST).read_text("utf-8")).items():
        content = b""
        if entry["of"] is not None:
            content = (old / entry["of"]).read_bytes()
            if hashlib.sha256(content).hexdigest() != entry["before"]:
                raise ValueError(f"{old / entry['of']}: not the file that the delta was made from")
        if entry["patch"] is not None:
            content = _patched(content, (delta / entry["patch"]).read_bytes())
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise ValueError(f"{delta / name}: damaged")
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(content)
    draft.rename(new)


def _patched(content: bytes, patch: bytes) -> bytes:
    """Return a file from the one before and a patch."""
    library = zstd()
    how: dict[str, Any] = {"options": {library.DecompressionParameter.window_log_max: 31}}
    if len(content) >= LEAST:
        how["zstd_dict"] = library.ZstdDict(content, is_raw=True).as_prefix
    try:
        found: bytes = library.decompress(patch, **how)
    except library.ZstdError:
        raise ValueError("a patch of the delta is damaged") from None
    return found


LEAST = 8
"""Least number of bytes of a file before that a patch refers to."""

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python apply.py OLD NEW")
    try:
        apply(Path(__file__).parent, Path(sys.argv[1]), Path(sys.argv[2]))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{sys.argv[2]}: written")
