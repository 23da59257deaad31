"""Numeric fields: scaled numbers, and edges of bins of equal frequency."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from automtl_core.fields.encode import FieldEncoder, Gives, Reading, filled
from automtl_core.fields.field import Chunk, FieldKind, FieldLearner, Floats, Read, Source

Scaling = Literal["standard", "minmax", "log", "none"]
"""Scaling of a dense field: to mean 0 and deviation 1, to [0, 1], that of sign(x) log(1 + |x|), or none."""


@dataclass(frozen=True)
class Scale(FieldEncoder):
    """Encoder of numbers as (f(x) - offset) / width; f is the signed logarithm for `log`, or the identity."""

    scaling: str
    offset: float
    width: float
    missing: float | None = None
    """Replacement for a missing number; None for no replacement."""
    low: float | None = None
    """Smallest number of the training rows; None where it is unknown."""
    high: float | None = None
    """Largest number of the training rows."""

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
    """Replacement for a missing number; if None, it stays missing, see `modules.numbers`."""

    words: ClassVar[str] = "numeric"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (Scale,)

    def reads(self) -> Mapping[str, Read]:
        return {self.name: Read("number", self.missing)}

    def learner(self, source: Source) -> "Scaled":
        return Scaled(self)


@dataclass
class Moments:
    """Count, mean, sum of squared deviations, and range of numbers that arrive in chunks."""

    count: float = 0
    """Number of values, or the sum of their weights."""
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: Floats, weights: Floats | None = None) -> None:
        """Add values (Chan, Golub and LeVeque 1979, eq. 2.1), which count by weights above 0."""
        if not len(values):
            return
        of, added = (1.0, len(values)) if weights is None else (weights, float(weights.sum()))
        mean, total = float((of * values).sum() / added), self.count + added
        gap = mean - self.mean
        self.squares += float((of * (values - mean) ** 2).sum()) + gap**2 * self.count * added / total
        self.mean += gap * added / total
        self.count = total
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0

    def scale(self, scaling: Scaling, missing: float | None = None) -> Scale:
        """Return the scale for the added numbers."""
        if self.count == 0:
            return Scale(scaling, 0.0, 1.0, missing)
        offset, width = {"none": (0.0, 1.0), "minmax": (self.low, (self.high - self.low) or 1.0)}.get(
            scaling, (self.mean, self.deviation or 1.0)
        )
        low, high = Scale(scaling, 0.0, 1.0).inverse(np.array([self.low, self.high])).tolist()
        return Scale(scaling, offset, width, missing, low, high)


class Scaled(FieldLearner):
    """FieldLearner of a scale from the moments of training rows.

    Args:
        field: The field, or a label as one.
        weight: Column of the weights of rows, for a label; None if all are 1.
        by_size: Whether to divide by the mean absolute value, and nothing else.

    """

    def __init__(self, field: Dense, weight: str | None = None, by_size: bool = False) -> None:
        super().__init__(field.reads())
        self.field, self.weight, self.by_size, self.moments = field, weight, by_size, Moments()

    def see(self, chunk: Chunk) -> None:
        values = Scale(self.field.scaling, 0.0, 1.0).encode(chunk[self.field.name])
        values = np.abs(values) if self.by_size else values
        known = ~np.isnan(values)
        self.moments.add(values[known], None if self.weight is None else chunk[self.weight][known])

    def learn(self, path: Path) -> Scale:
        self.encoder = self.moments.scale(self.field.scaling, self.field.missing)
        self.constant = not self.moments.deviation
        return Scale("none", 0.0, self.moments.mean or 1.0) if self.by_size else self.encoder


def edges(values: Floats, bins: int) -> Floats:
    """Return the lower edges of all bins but the first, ignoring NaN.

    A value that at least 1/`bins` of the rows have gets a bin of its own. The other values share the
    remaining bins, with equally many rows in each. There are fewer bins if there are fewer values.

    Args:
        values: Numbers of training rows, [R].
        bins: Largest number of bins.

    """
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if not len(distinct):
        return np.empty(0)
    heavy = np.flatnonzero(counts >= counts.sum() / bins)
    own = _own_bins(distinct, heavy[np.argsort(-counts[heavy], kind="stable")], bins - 1)
    rest = np.repeat(np.delete(distinct, heavy), np.delete(counts, heavy))
    shared = bins - len(own)
    if len(rest) and shared > 1:
        quantiles = np.quantile(rest, np.arange(1, shared) / shared, method="inverted_cdf")
        own = np.union1d(own, quantiles[quantiles > distinct[0]])
    return own if len(own) else distinct[:1]


def _own_bins(distinct: Floats, heavy: NDArray[np.intp], most: int) -> Floats:
    """Return the edges on both sides of frequent values, at most `most`, the most frequent values first.

    Args:
        distinct: All values in rising order.
        heavy: Indices of the frequent ones, the most frequent first.
        most: Largest number of edges.

    """
    # A value between two known ones belongs to the bin of the nearer one.
    between, found = (distinct[:-1] + distinct[1:]) / 2, np.empty(0)
    for place in heavy:
        more = np.union1d(found, between[max(place - 1, 0) : place + 1])
        found = more if len(more) <= most else found
    return found
