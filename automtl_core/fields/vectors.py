"""Pretrained vectors of the values of a column, as a field beside, or in place of, its ids.

Letters: V values with a vector, P numbers of a vector.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, Floats, Read, Source
from automtl_core.fields.sparse import Counts, Vocabulary, write_vocabulary


@dataclass(frozen=True)
class VectorIds(Vocabulary):
    """The values that have a vector: the value with id k has row k of the vectors, and row 0 is 0.

    Values that no training row has are among them. The vectors are in a second file beside the vocabulary.
    """

    column: str
    """The column of the values."""
    width: int
    """Numbers of a vector, P."""
    vectors_sha256: str

    kind: ClassVar[str] = "vectors"

    def reads(self, name: str) -> Mapping[str, Any]:
        return {self.column: self.reading}

    def of_column(self) -> str | None:
        return self.column

    def vectors(self) -> np.ndarray:
        """Return the vectors, memory-mapped, [V + 1, P]; changes stay in memory."""
        array: np.ndarray = np.load(self.path.with_suffix(".npy"), mmap_mode="c")
        return array

    def files(self) -> Mapping[str, tuple[Path, str]]:
        return {**super().files(), ".npy": (self.path.with_suffix(".npy"), self.vectors_sha256)}


@dataclass(frozen=True)
class Vectors(FieldKind):
    """Pretrained vectors of the values of a column, such as those of items; see `Dataset.vectors`.

    Networks do not train them, only a projection. A value that no training row has is known by its vector.
    """

    column: Annotated[str, Field(min_length=1)]
    """The column of the values, which may also be that of a `Sparse` field."""

    words: ClassVar[str] = "pretrained vectors"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (VectorIds,)

    def reads(self) -> Mapping[str, Read]:
        return {self.column: Read()}

    def faults(self) -> Iterator[str]:
        yield from super().faults()
        if self.column == self.name:
            yield f"the field and its column are both called {self.name!r}: give the field another name"

    def learner(self, source: Source) -> "KnownVectors":
        return KnownVectors(self, source)


class KnownVectors(Counts):
    """Learner that stores all vectors, scaled so that their numbers have mean 0, and mean square 1."""

    def __init__(self, declared: Vectors, source: Source) -> None:
        super().__init__(declared.column, source)
        self.field = declared.name

    def learn(self, path: Path) -> FieldEncoder:
        known: dict[str, int] = {}
        sums = np.zeros((2, 0))  # of vectors, and of their squares

        def values() -> Iterator[Sequence[str]]:
            """Yield the values in the order of their vectors, and add up both."""
            nonlocal sums
            for some, block in self.source.vectors(self.field):
                known.update(zip(some, range(len(known) + 1, len(known) + len(some) + 1), strict=True))
                sums = np.stack([block.sum(0), (block**2).sum(0)]) + (sums if sums.size else 0)
                yield some

        digest = write_vocabulary(path, values())
        mean, squares = sums / max(len(known), 1)
        spread = float(np.sqrt(max((squares - mean**2).mean(), 0.0))) or 1.0
        vectors = path.with_suffix(".npy")
        self._write_vectors(vectors, len(known), mean, spread)
        self.table = np.zeros(len(self.counts), np.int32)
        start = 1
        for some in self.source.values(self.name):
            self.table[start : start + len(some)] = [known.get(value, 0) for value in some]
            start += len(some)
        rows, with_vector = int(self.counts.sum()), int(self.counts[self.table > 0].sum())
        self.constant = not with_vector
        if without := rows - with_vector:
            self.warnings = [f"{without:,} of {rows:,} training rows have no vector in {self.field}"]
        with vectors.open("rb") as file:
            of_vectors = hashlib.file_digest(file, "sha256").hexdigest()
        return VectorIds(len(known) + 1, digest, path, self.name, len(mean), of_vectors)

    def _write_vectors(self, path: Path, count: int, mean: Floats, spread: float) -> None:
        shape = (count + 1, len(mean))
        # Plain bytes, because a full disk ends a write to mapped memory by a signal.
        with path.open("wb") as file:
            header = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.write(np.zeros(len(mean), np.float32).tobytes())
            for _, block in self.source.vectors(self.field):
                file.write(((block - mean) / spread).astype(np.float32).tobytes())
