"""Categorical fields: each value has an id, from a vocabulary, a hash or a rule.

A row holds one value, or, of a bag, any number of distinct values without an order.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from automtl_core.fields.encode import (
    FieldEncoder,
    Gives,
    Kinds,
    Reading,
    WrongValueError,
    hashed,
    read_encoder,
    texts,
    times,
)
from automtl_core.fields.field import Chunk, Codes, FieldKind, FieldLearner, Ints, Read, Source


@dataclass(frozen=True)
class Vocabulary(FieldEncoder):
    """The values of a field, in a file with one JSON string per line: line k has id k, and line 0 is null.

    The file is read at first use. Vocabularies with equal digests are equal.
    """

    size: int
    sha256: str
    path: Path = field(compare=False, repr=False)

    kind: ClassVar[str] = "vocabulary"

    @cached_property
    def values(self) -> list[str]:
        """All values; the value at index k has id k + 1."""
        with self.path.open(encoding="utf-8") as lines:
            values: list[str] = json.loads(f"[{','.join(lines)}]")
        if len(values) != self.size:
            raise ValueError(f"{self.path} is damaged: {len(values)} lines for {self.size} ids")
        return values[1:]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {value: place for place, value in enumerate(self.values, 1)}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.fromiter(map(self._ids.get, texts, repeat(0)), np.int32, len(texts))

    def decode(self, ids: Sequence[int]) -> list[str | None]:
        return [self.values[one - 1] if one else None for one in ids]

    def files(self) -> Mapping[str, tuple[Path, str]]:
        return {".txt": (self.path, self.sha256)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], path: Path, kinds: Kinds) -> "Vocabulary":
        return cls(**value, path=path)


@dataclass(frozen=True)
class Hashed(FieldEncoder):
    """Encoder of a value as 1 + (hash of the text % buckets), independent of the data."""

    buckets: int

    kind: ClassVar[str] = "hashed"

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of ids, including that of a missing value."""
        return self.buckets + 1

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        known = {text: hashed(text, self.buckets) for text in set(texts)}
        return np.fromiter(map(known.__getitem__, texts), np.int32, len(texts))


@dataclass(frozen=True)
class Sparse(FieldKind):
    """A categorical field: a row holds one of many values, and each value has an embedding."""

    words: ClassVar[str] = "categorical"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (Vocabulary, Hashed)

    def learner(self, source: Source) -> "Counts":
        return Counts(self.name, source)


def ids_of(field: str, counts: Ints, source: Source) -> tuple[Codes, Callable[[Path], Vocabulary | Hashed]]:
    """Assign ids to values, by the number of training rows with each value.

    Returns:
        Ids by code + 1, the first one for missing values; and the function that returns the encoder, and
        writes its vocabulary to a path.

    """
    table = np.zeros(len(counts) + 1, dtype=np.int32)
    if buckets := source.buckets(field):  # codes are hashes
        table[1:] = np.arange(1, len(table))
        return table, lambda path: Hashed(buckets)
    kept = frequent(counts, source.min_count(field), source.max_vocabulary)
    table[kept + 1] = np.arange(1, len(kept) + 1)

    def blocks() -> Iterator[Sequence[str]]:
        start = 0
        for values in source.values(field):
            inside = kept[slice(*np.searchsorted(kept, [start, start + len(values)]))]
            yield [values[code - start] for code in inside]
            start += len(values)

    return table, lambda path: Vocabulary(len(kept) + 1, write_vocabulary(path, blocks()), path)


def frequent(counts: Ints, least: int, most: int | None) -> Ints:
    """Return the places of values that at least `least` rows have; of these the `most` most frequent ones."""
    kept: Ints = np.flatnonzero(counts >= least)
    order = np.argsort(-counts[kept], kind="stable") if most is not None and len(kept) > most else slice(None)
    return np.sort(kept[order][:most])


def write_vocabulary(path: Path, blocks: Iterable[Sequence[str]]) -> str:
    """Write a vocabulary, and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        lines = ("".join(f"{encode_basestring_ascii(value)}\n" for value in block) for block in blocks)
        for some in chain(["null\n"], lines):
            file.write(some.encode())
            digest.update(some.encode())
    return digest.hexdigest()


class Counts(FieldLearner):
    """Learner from counts of the codes of a field."""

    def __init__(self, name: str, source: Source) -> None:
        super().__init__({name: Read()})
        self.name, self.source = name, source
        self.counts = np.zeros(source.codes(name) + 1, dtype=np.int64)
        self.table: Codes

    def see(self, chunk: Chunk) -> None:
        np.add.at(self.counts, chunk[self.name], 1)  # a count of all codes would take longer than the chunk

    def learn(self, path: Path) -> FieldEncoder:
        self.table, encoder = ids_of(self.name, self.counts[1:], self.source)
        self.constant = bool(np.count_nonzero(self.counts) <= 1)
        del self.counts  # frees memory of millions of values
        return encoder(path)

    def encode(self, chunk: Chunk) -> Codes:
        return self.table[chunk[self.name]]


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


def vocabulary_of(encoder: FieldEncoder) -> Vocabulary | None:
    """Return the vocabulary of a field, of a bag that of its values; None for other fields."""
    inner = encoder.values if isinstance(encoder, BagEncoder) else encoder
    return inner if isinstance(inner, Vocabulary) else None


@dataclass(frozen=True)
class Bag(FieldKind):
    """A multi-valued field: a row holds any number of different values, see `Dataset.values`."""

    separator: Annotated[str, Field(min_length=1)] = "|"
    """Separator of the values in a text, as in files of new examples."""

    words: ClassVar[str] = "multi-valued"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (BagEncoder, Vocabulary, Hashed)

    def reads(self) -> Mapping[str, Read]:
        return {self.name: Read("bag", separator=self.separator)}

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
        self.table, encoder = ids_of(self.name, counts, self.source)
        lengths = np.zeros(len(self.counts) + 1, dtype=np.int64)
        for bags, values in self.source.held(self.name):
            lengths += np.bincount(bags[self.table[values + 1] > 0] + 2, minlength=len(lengths))
        self.starts, self.constant = np.cumsum(lengths), bool(np.count_nonzero(self.counts) <= 1)
        del self.counts  # frees memory of millions of bags
        return BagEncoder(encoder(path))

    def encode(self, chunk: Chunk) -> Codes:
        return chunk[self.name]

    def values(self) -> Iterator[Codes]:
        """Yield the ids of the values of all bags, in blocks."""
        for _, values in self.source.held(self.name):
            ids = self.table[values + 1]
            yield ids[ids > 0]


Part = Literal["hour", "weekday"]
"""Hour of the day, or day of the week; of times in UTC."""


@dataclass(frozen=True)
class PartOfTime(FieldEncoder):
    """Encoder of a time as 1 + its hour from 0 to 23, or its weekday from 0 (Monday) to 6; 0 for a blank.

    Times are in UTC, see `seconds`.
    """

    column: str
    part: str

    kind: ClassVar[str] = "time-part"

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of ids, including that of a blank."""
        return 25 if self.part == "hour" else 8

    def reads(self, name: str) -> Mapping[str, Reading]:
        return {self.column: "texts"}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        since = times(texts)
        # 1970 began on a Thursday.
        whole = since // 3600 % 24 if self.part == "hour" else (since // 86400 + 3) % 7
        return np.where(np.isnan(since), 0, 1 + np.nan_to_num(whole)).astype(np.int32)

    def decode(self, encoded: Sequence[int]) -> list[str | None]:
        days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        names = [str(hour) for hour in range(24)] if self.part == "hour" else days
        return [names[one - 1] if one else None for one in encoded]

    def examples(self, name: str, ids: Sequence[int]) -> dict[str, list[Any]]:
        step, first = (3600, 0) if self.part == "hour" else (86400, 4 * 86400)
        return {self.column: [str(first + step * (one - 1)) if one else None for one in ids]}


@dataclass(frozen=True)
class TimePart(FieldKind):
    """The hour or the weekday of a time, in UTC."""

    column: str = ""
    """Column with the time, as numbers or dates; empty for the name of the field."""
    part: Part = "hour"
    """hour: the hour of the day. weekday: the day of the week."""

    words: ClassVar[str] = "part of a time"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (PartOfTime,)

    def reads(self) -> Mapping[str, Read]:
        return {self.column or self.name: Read("text")}

    def learner(self, source: Source) -> FieldLearner:
        return FieldLearner(self.reads(), PartOfTime(self.column or self.name, self.part))
