"""Prepared data on disk: arrays that are memory-mapped, and a manifest.

    <dataset>-<fingerprint>/
        manifest.json
        rejected.csv                     rows of raw files that were left out, if any
        vocabulary/<field>.txt           one JSON string a line; line k has id k, id 0 is the unseen value;
                                         none for hashed fields and bucketed numbers
        bags/<field>.starts.npy          [bags + 1] int64, for a multi-valued field: bag b holds the ids
        bags/<field>.values.npy          values[starts[b]:starts[b + 1]], int32; bag 0 is empty
        train/ids.npy                    [R, N] int32, numbers of bags where the field is multi-valued
        train/dense.npy                  [R, M] float32
        train/labels.npy                 [R, T] float32, NaN where a row lacks the label
        train/oracle.npy                 [R, T] float64, for generated data only
        validation/... test/...

The manifest holds the SHA-256 of each of these files and of itself.

Letters: R rows of a part, N sparse fields, M dense fields, T tasks.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from automtl_core.errors import ArtifactError
from automtl_core.schema import Schema

FORMAT = 2
PARTS = ("train", "validation", "test")
ARRAYS = ("ids", "dense", "labels")
MANIFEST = "manifest.json"
REJECTED = "rejected.csv"


class Bags(NamedTuple):
    """The ids that the bags of a multi-valued field hold: bag b has values[starts[b]:starts[b + 1]]."""

    starts: NDArray[np.int64]
    values: NDArray[np.int32]


@dataclass(frozen=True)
class Part:
    """The rows of one part of a dataset, one array row an example, contiguous."""

    ids: NDArray[np.int32]
    dense: NDArray[np.float32]
    labels: NDArray[np.float32]
    bags: Mapping[int, Bags] = field(default_factory=dict)
    """Column of `ids` that numbers bags -> their content."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset: its folder and what its manifest says."""

    path: Path
    manifest: Mapping[str, Any]
    reused: bool = field(default=False, compare=False)
    """Whether the folder was there already when its preparation was asked for."""

    @property
    def schema(self) -> Schema:
        """Fields and tasks, with the sizes of the vocabularies."""
        return Schema.from_json(self.manifest["schema"])

    def part(self, name: str) -> Part:
        """Return the memory-mapped rows of `train`, `validation` or `test`."""
        ids, dense, labels = (_mapped(self.path / name / f"{array}.npy") for array in ARRAYS)
        folder = self.path / "bags"
        bags = {
            place: Bags(*(_mapped(folder / f"{file_name(one.name)}.{array}.npy") for array in Bags._fields))
            for place, one in enumerate(self.schema.sparse)
            if one.multi
        }
        return Part(ids, dense, labels, bags)

    def oracle(self, name: str) -> NDArray[np.float64] | None:
        """Return the probabilities [R, T] that the labels of a part were drawn with; None for real data.

        NaN for a task whose probabilities are not known.
        """
        path = self.path / name / "oracle.npy"
        return _mapped(path) if path.exists() else None

    def vocabulary(self, name: str) -> list[str]:
        """Return the values of a sparse field; the value at place k has id k + 1.

        Nothing for a field whose ids are hashed or buckets of a number.
        """
        path = self.path / "vocabulary" / f"{file_name(name)}.txt"
        if not path.exists():
            return []
        with path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines][1:]

    @classmethod
    def open(cls, path: Path, reused: bool = False) -> "Prepared":
        """Read a prepared dataset.

        Raises:
            ArtifactError: the manifest is missing or of another format, or a file is not as it was written.

        """
        fix = "delete the folder and prepare again"
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path}: not a prepared dataset: {error}", fix) from None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ArtifactError(f"{path}: prepared by another version", fix)
        if manifest.pop("sha256", None) != hashlib.sha256(canonical(manifest)).hexdigest():
            raise ArtifactError(f"{path / MANIFEST}: damaged", fix)
        for name, digest in manifest["files"].items():
            if _sha256(path / name) != digest:
                raise ArtifactError(f"{path / name}: missing or damaged", fix)
        return cls(path, manifest, reused)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of the files in `folder`, as the last of them; return what `Prepared` has of it."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    content = {"format": FORMAT, **manifest, "files": {name: _sha256(folder / name) for name in names}}
    signed = {**content, "sha256": hashlib.sha256(canonical(content)).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(signed, indent=2) + "\n", encoding="utf-8")
    return content


def write_header(file: IO[bytes], dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Begin a `.npy` file; rows follow as plain bytes, so that a full disk is an error and no signal."""
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def file_name(field: str) -> str:
    """Return the name of a field as files have it, where a slash would part folders."""
    return field.replace("%", "%25").replace("/", "%2F")


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return JSON that is equal for equal values, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _mapped(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
