"""Scaled numeric fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np

from automtl_core.fields.buckets import Floats, missing_faults
from automtl_core.fields.encode import FieldEncoder, Gives, Reading, filled
from automtl_core.fields.field import Chunk, FieldKind, Learner, Read, Source, one_of

Scaling = Literal["standard", "minmax", "log", "none"]
"""Scaling of a dense field: to mean 0 and deviation 1, to [0, 1], by sign(x) log(1 + |x|), or none."""


@dataclass(frozen=True)
class Scale(FieldEncoder):
    """Encoder of numbers as (f(x) - offset) / width; f is the signed logarithm for `log`, or the identity."""

    scaling: str
    offset: float
    width: float
    missing: float | None = None
    """Replacement for a missing number; None for no replacement."""

    kind: ClassVar[str] = "scale"
    gives: ClassVar[Gives] = "numbers"
    reading: ClassVar[Reading] = "numbers"

    def encode(self, values: np.ndarray) -> np.ndarray:
        values = filled(values, self.missing)
        values = np.sign(values) * np.log1p(np.abs(values)) if self.scaling == "log" else values
        return (values - self.offset) / self.width

    def inverse(self, values: np.ndarray) -> np.ndarray:
        found = np.asarray(values, dtype=np.float64) * self.width + self.offset
        return np.sign(found) * np.expm1(np.abs(found)) if self.scaling == "log" else found


@dataclass(frozen=True)
class Dense(FieldKind):
    """A numeric field."""

    scaling: Scaling = "standard"
    missing: float | None = None
    """Replacement for a missing number; if None, it stays missing, see `modules.inputs`."""

    words: ClassVar[str] = "numeric"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (Scale,)

    def reads(self) -> Mapping[str, Read]:
        return {self.name: Read("number", self.missing)}

    def faults(self) -> Iterator[str]:
        yield from missing_faults(self.missing)
        yield from one_of("scaling", self.scaling, get_args(Scaling))

    def learner(self, source: Source) -> "Scaled":
        return Scaled(self)


@dataclass
class Moments:
    """Count, mean, sum of squared deviations, and range of numbers that arrive in chunks."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: Floats) -> None:
        """Add values (Chan, Golub and LeVeque 1979, eq. 2.1)."""
        if not len(values):
            return
        mean, total = float(values.mean()), self.count + len(values)
        gap = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + gap**2 * self.count * len(values) / total
        self.mean += gap * len(values) / total
        self.count = total
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0

    def scale(self, scaling: Scaling, missing: float | None = None) -> Scale:
        """Return the scale for the added numbers."""
        if self.count == 0 or scaling in ("none", "log"):
            return Scale(scaling, 0.0, 1.0, missing)
        if scaling == "minmax":
            return Scale(scaling, self.low, (self.high - self.low) or 1.0, missing)
        return Scale(scaling, self.mean, self.deviation or 1.0, missing)


class Scaled(Learner):
    """Learner of a scale from the moments of training rows."""

    def __init__(self, field: Dense) -> None:
        super().__init__(field.reads())
        self.field, self.moments = field, Moments()

    def see(self, chunk: Chunk) -> None:
        values = chunk[self.field.name]
        self.moments.add(values[~np.isnan(values)])

    def learn(self, path: Path) -> Scale:
        self.encoder = self.moments.scale(self.field.scaling, self.field.missing)
        self.constant = not self.moments.deviation
        return self.encoder
