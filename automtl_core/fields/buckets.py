"""Numbers in buckets of equal frequency, as the values of a categorical field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automtl_core.fields.encode import FieldEncoder, Reading, filled
from automtl_core.fields.field import Chunk, FieldKind, Learner, Read, Source

Floats = NDArray[np.float64]

QUANTILE_ROWS = 1_000_000
"""Largest number of training rows for the computation of bucket edges."""


@dataclass(frozen=True)
class Buckets(FieldEncoder):
    """Encoder of a number as 1 + the number of edges at or below it; 0 where missing."""

    edges: tuple[float, ...]
    missing: float | None = None
    """Replacement for a missing number; None for no replacement."""

    kind: ClassVar[str] = "buckets"
    reading: ClassVar[Reading] = "numbers"

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(map(float, self.edges)))

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of ids, including that of a missing number."""
        return len(self.edges) + 2

    def encode(self, values: np.ndarray) -> np.ndarray:
        values = filled(values, self.missing)
        found = np.searchsorted(np.array(self.edges, np.float64), values, side="right") + 1
        return np.where(np.isnan(values), 0, found).astype(np.int32)

    def examples(self, name: str, ids: Sequence[int]) -> dict[str, list[Any]]:
        low = [None, self.edges[0] - 1 if self.edges else 0.0, *self.edges]
        return {name: [low[one] for one in ids]}


@dataclass(frozen=True)
class Bucketed(FieldKind):
    """A numeric column as a categorical field, whose ids are buckets of equal frequency."""

    buckets: int = 10
    """Number of buckets; there are fewer if numbers repeat."""
    missing: float | None = None
    """Replacement for a missing number; if None, missing numbers have id 0."""

    words: ClassVar[str] = "numeric, in buckets"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (Buckets,)

    def reads(self) -> Mapping[str, Read]:
        return {self.name: Read("number", self.missing)}

    def faults(self) -> Iterator[str]:
        yield from missing_faults(self.missing)
        if not isinstance(self.buckets, int) or self.buckets < 2:
            yield f"buckets is {self.buckets!r}, allowed are integers from 2"

    def learner(self, source: Source) -> "Sample":
        return Sample(self, source)


class Sample(Learner):
    """Learner of edges from a sample of the numbers of training rows."""

    def __init__(self, field: Bucketed, source: Source) -> None:
        super().__init__(field.reads())
        self.field = field
        self.step = -(-source.rows // QUANTILE_ROWS)
        self.samples: list[Floats] = []

    def see(self, chunk: Chunk) -> None:
        self.samples.append(chunk[self.field.name][:: self.step])

    def learn(self, path: Path) -> Buckets:
        found = edges(np.concatenate(self.samples), self.field.buckets)
        self.samples.clear()
        self.constant = not len(found)
        self.encoder = Buckets(tuple(found.tolist()), self.field.missing)
        return self.encoder


def edges(values: Floats, buckets: int) -> Floats:
    """Return the edges of buckets of equal frequency, ignoring NaN; there are fewer if values repeat."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0)
    inner = np.arange(1, buckets) / buckets
    return np.unique(np.quantile(known, inner, method="inverted_cdf"))


def missing_faults(missing: object) -> Iterator[str]:
    """Yield a fault if the replacement for missing numbers is not a finite number."""
    if missing is not None and not (isinstance(missing, int | float) and isfinite(missing)):
        yield f"missing is {missing!r}, allowed are finite numbers"
