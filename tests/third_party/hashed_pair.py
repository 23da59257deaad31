"""A kind of field that reads two columns: the pair of their values is hashed to a bucket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from automtl_core.plugin import FieldEncoder, FieldKind, FieldLearner, Read, Reading, Source, hashed, hookimpl


@dataclass(frozen=True)
class PairEncoder(FieldEncoder):
    """Id 1 + (hash of both texts % buckets); 0 where one of them is blank."""

    columns: tuple[str, str]
    buckets: int
    kind: ClassVar[str] = "hashed-pair"

    @property
    def size(self) -> int:
        return self.buckets + 1

    def reads(self, name: str) -> Mapping[str, Reading]:
        return dict.fromkeys(self.columns, "texts")

    def encode(self, left: Sequence[str], right: Sequence[str]) -> np.ndarray:
        pairs = zip(left, right, strict=True)
        return np.array([hashed(f"{a}\x1f{b}", self.buckets) if a and b else 0 for a, b in pairs], np.int32)


@dataclass(frozen=True)
class HashedPair(FieldKind):
    """Two categorical columns, of which each pair of values is hashed to a bucket."""

    columns: tuple[str, str] = ("", "")
    buckets: int = 1000
    words: ClassVar[str] = "hashed pair"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (PairEncoder,)

    def reads(self) -> Mapping[str, Read]:
        return dict.fromkeys(self.columns, Read("text"))

    def faults(self) -> Iterator[str]:
        if len(set(self.columns)) != 2:
            yield f"columns are {self.columns!r}: name two"

    def learner(self, source: Source) -> FieldLearner:
        return FieldLearner(self.reads(), PairEncoder(self.columns, self.buckets))


@hookimpl
def automtl_register_field_kinds():
    return {"hashed-pair": HashedPair}
