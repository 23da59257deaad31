"""Deltas of exports: what changed since an earlier export, to send to the machines that serve it.

<folder>/
    delta.json      each file of the new export: its digest, and the file before that it is made from
    FILE.zst        the difference to the file before, as a patch of zstandard
    apply.py        writes the new export from the one before; needs no automtl

An update changes only the embeddings of values that its rows have, see `workflow.update`, so that a patch
holds these rows of tables, the cells of aggregates that have new rows, new values, and the weights behind.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from automtl_core.errors import InputMissingError, UsageError
from automtl_core.system.documents import Value, sha256
from automtl_core.system.files import check_free_folder, publish_folder
from automtl_export.apply_delta import LEAST, MANIFEST, apply, zstd

LEVEL = 12
"""Level of compression: higher ones find few more matches, and take several times as long."""


@dataclass(frozen=True)
class Delta(Value):
    """The difference of two exports."""

    folder: str
    since: str
    """The earlier export."""
    size: int
    """Bytes of the delta."""
    of_size: int
    """Bytes of the new export."""


def check_since(since: Path, folder: Path) -> None:
    """Check that a delta can be written, before the export that it is of.

    Raises:
        InputMissingError: there is no export.
        RunExistsError: the folder exists, or cannot be written.
        UsageError: the library of the compression is not installed.

    """
    if not (since / "encode.py").exists():
        raise InputMissingError(f"{since}: no export", "give the folder of an earlier export of the model")
    check_free_folder(folder)
    try:
        zstd()
    except ModuleNotFoundError:
        raise UsageError("a delta needs zstandard", "pip install 'automtl[zst]'") from None


def write_delta(since: Path, export: Path, folder: Path) -> Delta:
    """Write the difference of an export to an earlier one, and check that it gives the same files.

    Args:
        since: The earlier export.
        export: The new one.
        folder: Folder of the delta, which must not exist.

    Raises:
        RunExistsError: the folder exists, or cannot be written.

    """
    with publish_folder(folder) as draft:
        entries = dict(_entries(since, export, draft))
        text = json.dumps(entries, indent=1, ensure_ascii=False)
        (draft / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
        code = (resources.files(__package__) / "apply_delta.py").read_text(encoding="utf-8")
        (draft / "apply.py").write_text("# SPDX-License-Identifier: 0BSD\n" + code, encoding="utf-8")
        with TemporaryDirectory(dir=draft.parent) as work:
            apply(draft, since, Path(work) / "new")
    sizes = [
        sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in (folder, export)
    ]
    return Delta(str(folder), str(since), *sizes)


def _entries(since: Path, export: Path, draft: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file of an export with how it is made, and write the patches."""
    for path in sorted(file for file in export.rglob("*") if file.is_file()):
        name = path.relative_to(export).as_posix()
        before, patch = _before(since, name), None
        if before is None or sha256(before) != sha256(path):
            patch = f"{name}.zst"
            (draft / patch).parent.mkdir(parents=True, exist_ok=True)
            content = b"" if before is None else before.read_bytes()
            (draft / patch).write_bytes(_patch(content, path.read_bytes()))
        of = None if before is None else before.relative_to(since).as_posix()
        digest = None if before is None else sha256(before)
        yield name, {"of": of, "before": digest, "patch": patch, "sha256": sha256(path)}


def _before(since: Path, name: str) -> Path | None:
    """Return the file of an earlier export that a file is most like; None if there is none."""
    same = since / name
    if same.exists():
        return same
    stem, dash, _ = same.name.partition("-")  # names such as `aggregates-<digest>.npz`
    others = sorted(same.parent.glob(f"{stem}-*{same.suffix}")) if dash else []
    return others[0] if others else None


def _patch(before: bytes, content: bytes) -> bytes:
    """Return what makes a file of the one before."""
    library = zstd()
    low, high = library.CompressionParameter.window_log.bounds()
    window = math.ceil(math.log2(len(before) + len(content) + 1))
    parameter = library.CompressionParameter
    options = {
        parameter.compression_level: LEVEL,
        parameter.window_log: min(max(window, low), high),
        parameter.enable_long_distance_matching: 1,  # else tables of some MB are found in part
    }
    how: dict[str, Any] = {"options": options}
    if len(before) >= LEAST:
        how["zstd_dict"] = library.ZstdDict(before, is_raw=True).as_prefix
    patch: bytes = library.compress(content, **how)
    return patch
