"""Categorical fields: each value has an id, from a vocabulary or a hash."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, repeat
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from automtl_core.fields.encode import FieldEncoder, Kinds, hashed
from automtl_core.fields.field import Chunk, Codes, FieldKind, Ints, Learner, Read, Source


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
        wanted = set(ids)
        with self.path.open(encoding="utf-8") as lines:
            first = islice(lines, max(wanted, default=-1) + 1)
            known = {one: json.loads(line) for one, line in enumerate(first) if one in wanted}
        return [known[one] for one in ids]

    def files(self) -> Mapping[str, tuple[Path, str]]:
        return {".txt": (self.path, self.sha256)}

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "size": self.size, "sha256": self.sha256}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], path: Path, kinds: Kinds) -> "Vocabulary":
        return cls(int(value["size"]), str(value["sha256"]), path)


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


class Values:
    """Assignment of ids to values, by the number of training rows with each value.

    Args:
        field: Name of the field.
        counts: Number of training rows by code.
        source: Limits of the vocabulary.

    """

    def __init__(self, field: str, counts: Ints, source: Source) -> None:
        self.buckets = source.buckets(field)
        self.table = np.zeros(len(counts) + 1, dtype=np.int32)
        """Ids by code + 1; the first is for missing values."""
        if self.buckets:  # codes are hashes
            self.table[1:] = np.arange(1, len(self.table))
            return
        self.kept = np.flatnonzero(counts >= source.min_count(field))
        if source.max_vocabulary is not None and len(self.kept) > source.max_vocabulary:
            most = np.argsort(-counts[self.kept], kind="stable")[: source.max_vocabulary]
            self.kept = np.sort(self.kept[most])
        self.table[self.kept + 1] = np.arange(1, len(self.kept) + 1)

    def encoder(self, path: Path, blocks: Iterator[Sequence[str]]) -> FieldEncoder:
        """Return the encoder of values; a vocabulary is written to `path`."""
        if self.buckets:
            return Hashed(self.buckets)
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for block in self._lines(blocks):
                file.write(block)
                digest.update(block)
        return Vocabulary(len(self.kept) + 1, digest.hexdigest(), path)

    def _lines(self, blocks: Iterator[Sequence[str]]) -> Iterator[bytes]:
        """Yield the lines of a vocabulary in blocks."""
        yield b"null\n"
        start = 0
        for values in blocks:
            inside = self.kept[slice(*np.searchsorted(self.kept, [start, start + len(values)]))]
            yield "".join(encode_basestring_ascii(values[code - start]) + "\n" for code in inside).encode()
            start += len(values)


class Counts(Learner):
    """Learner from counts of the codes of a field."""

    def __init__(self, name: str, source: Source) -> None:
        super().__init__({name: Read()})
        self.name, self.source = name, source
        self.counts = np.zeros(source.codes(name) + 1, dtype=np.int64)
        self.table: Codes

    def see(self, chunk: Chunk) -> None:
        np.add.at(self.counts, chunk[self.name], 1)  # a count of all codes would take longer than the chunk

    def learn(self, path: Path) -> FieldEncoder:
        values = Values(self.name, self.counts[1:], self.source)
        self.table, self.constant = values.table, bool(np.count_nonzero(self.counts) <= 1)
        del self.counts  # frees memory of millions of values
        return values.encoder(path, self.source.values(self.name))

    def encode(self, chunk: Chunk) -> Codes:
        return self.table[chunk[self.name]]
