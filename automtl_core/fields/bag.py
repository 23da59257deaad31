"""Multi-valued fields: a row holds any number of distinct values, without an order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from automtl_core.fields.encode import (
    FieldEncoder,
    Gives,
    Kinds,
    Reading,
    WrongValueError,
    read_encoder,
    texts,
)
from automtl_core.fields.field import Chunk, Codes, FieldKind, Ints, Read, Source
from automtl_core.fields.sparse import Counts, Hashed, Values, Vocabulary


@dataclass(frozen=True)
class BagEncoder(FieldEncoder):
    """Encoder of a bag as the sorted ids of its known values, without duplicates."""

    values: FieldEncoder
    """Encoder of a single value."""

    kind: ClassVar[str] = "bag"
    gives: ClassVar[Gives] = "bags"
    reading: ClassVar[Reading] = "lists"

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of ids of values, including that of unseen values."""
        return self.values.size

    def encode(self, bags: Sequence[Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.fromiter(map(len, bags), np.int64, len(bags))
        owners = np.repeat(np.arange(len(bags)), lengths)
        try:
            ids = self.values.encode(texts([value for bag in bags for value in bag]))
        except WrongValueError as wrong:
            wrong.row = int(owners[wrong.row])
            raise
        pairs = np.unique((owners * self.size + ids)[ids > 0])
        counts = np.bincount(pairs // self.size, minlength=len(bags))
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]), pairs % self.size

    def decode(self, ids: Sequence[int]) -> list[Any]:
        return self.values.decode(ids)

    def parts(self) -> tuple[FieldEncoder, ...]:
        return self, *self.values.parts()

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "values": self.values.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], path: Path, kinds: Kinds) -> "BagEncoder":
        return cls(read_encoder(value["values"], path, kinds))


@dataclass(frozen=True)
class Bag(FieldKind):
    """A multi-valued field: a row holds any number of different values, see `Dataset.values`."""

    separator: str = "|"
    """Separator of the values in a text, as in files of new examples."""

    words: ClassVar[str] = "multi-valued"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (BagEncoder, Vocabulary, Hashed)

    def reads(self) -> Mapping[str, Read]:
        return {self.name: Read("bag", separator=self.separator)}

    def faults(self) -> Iterator[str]:
        if not isinstance(self.separator, str) or not self.separator:
            yield f"separator is {self.separator!r}, allowed are non-empty texts"

    def learner(self, source: Source) -> "BagCounts":
        return BagCounts(self.name, source)


class BagCounts(Counts):
    """Learner from counts of bags and their values: a value counts once for each row that holds it."""

    starts: Ints
    """Start of the values of each bag, and the end of the last one, [bags + 2]; bag 0 is empty."""

    def learn(self, path: Path) -> FieldEncoder:
        counts = np.zeros(self.source.value_codes(self.name), dtype=np.int64)
        for bags, values in self.source.held(self.name):
            np.add.at(counts, values, self.counts[bags + 1])
        learned = Values(self.name, counts, self.source)
        self.table = learned.table
        lengths = np.zeros(len(self.counts) + 1, dtype=np.int64)
        for bags, values in self.source.held(self.name):
            lengths += np.bincount(bags[self.table[values + 1] > 0] + 2, minlength=len(lengths))
        self.starts, self.constant = np.cumsum(lengths), bool(np.count_nonzero(self.counts) <= 1)
        del self.counts  # frees memory of millions of bags
        return BagEncoder(learned.encoder(path, self.source.values(self.name)))

    def encode(self, chunk: Chunk) -> Codes:
        return chunk[self.name]

    def values(self) -> Iterator[Codes]:
        """Yield the ids of the values of all bags, in blocks."""
        for _, values in self.source.held(self.name):
            ids = self.table[values + 1]
            yield ids[ids > 0]
