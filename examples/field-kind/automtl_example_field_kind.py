"""A kind of field that reads two columns: the pair of their values is hashed to a bucket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from automtl_core.plugin import FieldEncoder, FieldKind, FieldLearner, Read, Reading, Source, hashed, hookimpl


@dataclass(frozen=True)
class PairEncoder(FieldEncoder):
    """Id 1 + (hash of both texts % buckets); 0 where one of them is blank.

    Exports contain the source of this class. It may use numpy, and the names of `automtl_core.fields.encode`.
    """

    columns: tuple[str, str]
    size: int
    """Number of ids: the buckets, and 0."""

    kind: ClassVar[str] = "example-field-kind"

    def reads(self, name: str) -> Mapping[str, Reading]:
        """Return the columns that it reads."""
        return dict.fromkeys(self.columns, "texts")

    def encode(self, left: Sequence[str], right: Sequence[str]) -> np.ndarray:
        """Return the ids of rows."""
        pairs = zip(left, right, strict=True)
        return np.array([hashed(f"{a}\x1f{b}", self.size - 1) if a and b else 0 for a, b in pairs], np.int32)


@dataclass(frozen=True)
class HashedPair(FieldKind):
    """Two categorical columns, of which each pair of values is hashed to a bucket."""

    columns: tuple[str, str] = ("", "")
    buckets: int = 1000
    words: ClassVar[str] = "hashed pair"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (PairEncoder,)

    def reads(self) -> Mapping[str, Read]:
        """Return the columns that the field reads."""
        return dict.fromkeys(self.columns, Read("text"))

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the declaration."""
        if len(set(self.columns)) != 2:
            yield f"columns are {self.columns!r}: name two"

    def learner(self, source: Source) -> FieldLearner:
        """Return the builder of the encoder. It learns nothing from training rows."""
        return FieldLearner(self.reads(), PairEncoder(self.columns, self.buckets + 1))


@hookimpl
def automtl_register_field_kinds() -> dict[str, type[HashedPair]]:
    """Register the kind by its name."""
    return {"example-field-kind": HashedPair}
