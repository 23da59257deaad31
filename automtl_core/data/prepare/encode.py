"""Examples become numbers: ids from vocabularies, scaled dense values and labels.

What is learned from data here, vocabularies and scales, is learned from the training part only. Two passes
over the examples: the first one counts and measures, the second one writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.columns import Buckets, Floats, Ids, Scale, edges
from automtl_core.data.prepare.bags import held, value_count
from automtl_core.data.prepare.examples import bag_fields, code_fields
from automtl_core.data.prepare.split import TRAIN, Parts
from automtl_core.data.raw.sql import codes, count, quoted
from automtl_core.dataset.dataset import (
    Dataset,
    DatasetSettings,
    Scaling,
    dense_fields,
    learned,
    sparse_fields,
)

VECTORS = 64
"""Size of a chunk in DuckDB's vectors of 2048 rows."""
QUANTILE_ROWS = 1_000_000
"""Training rows that the buckets of a number are computed from, at most."""

Ints = NDArray[np.int64]


@dataclass
class Moments:
    """Count, mean, sum of squared differences from the mean, and range of numbers that come in chunks."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: Floats) -> None:
        """Take in values (Chan, Golub and LeVeque 1979, eq. 2.1)."""
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


@dataclass(frozen=True)
class Lookup:
    """How the codes of a field become ids: `table[code + 1]`; `table[0]` is 0, for no code."""

    table: Ids
    size: int
    """Ids, the unseen one included."""

    def __call__(self, places: Ids) -> Ids:
        """Return the ids of codes + 1."""
        return self.table[places]


@dataclass(frozen=True)
class Bagged:
    """The codes of the bags of a multi-valued field become their numbers, code + 1; bag 0 is empty."""

    values: Lookup
    starts: Ints
    """Where the values of each bag start, and the last one ends, [bags + 2]."""

    @property
    def size(self) -> int:
        """Ids of values, the unseen one included."""
        return self.values.size

    def __call__(self, places: Ids) -> Ids:
        """Return the numbers of the bags with these codes + 1."""
        return places


@dataclass(frozen=True)
class Encoding:
    """How the columns of `examples` become numbers."""

    fields: Mapping[str, Lookup | Buckets | Bagged]
    """Sparse field -> its ids."""
    scales: Mapping[str, Scale]
    """Dense field or real label -> its scale."""
    vocabularies: Mapping[str, Ids]
    """Sparse field with a vocabulary -> the codes of the values in it, in the order of their ids."""
    constant: Sequence[str]
    """Fields that are the same in all training rows."""


def learn(db: duckdb.DuckDBPyConnection, dataset: Dataset, parts: Parts) -> Encoding:
    """Learn vocabularies and scales from the training rows of `examples`."""
    fields = code_fields(dataset)
    counts = {name: np.zeros(_codes(db, dataset, name) + 1, dtype=np.int64) for name in fields}
    scalings: dict[str, Scaling] = {field.name: field.scaling for field in dense_fields(dataset)}
    scalings |= {task.name: "standard" for task in learned(dataset) if task.kind == "regression"}
    moments = {name: Moments() for name in scalings}
    sizes = {field.name: field.buckets for field in sparse_fields(dataset) if field.buckets}
    samples: dict[str, list[Floats]] = {name: [] for name in sizes}
    step = -(-int((parts == TRAIN).sum()) // QUANTILE_ROWS)
    for chunk, places in chunks(db, fields, [*moments, *samples], parts):
        train = places == TRAIN
        for name, seen in counts.items():
            seen += np.bincount(chunk[name][train], minlength=len(seen))
        for name, measured in moments.items():
            values = chunk[name][train]
            measured.add(values[~np.isnan(values)])
        for name, sample in samples.items():
            sample.append(chunk[name][train][::step])
    missing = {field.name: field.missing for field in dataset.fields}
    buckets = {
        name: Buckets(tuple(edges(np.concatenate(found), sizes[name]).tolist()), missing[name])
        for name, found in samples.items()
    }
    vocabularies: dict[str, Ids] = {}
    found: dict[str, Lookup | Buckets | Bagged] = {}
    for field in sparse_fields(dataset):
        name = field.name
        if name in buckets:
            found[name] = buckets[name]
        elif field.kind == "bag":
            found[name] = _bagged(db, dataset, name, counts[name], vocabularies)
        else:
            found[name] = _lookup(dataset.settings, name, counts[name][1:], vocabularies)
    scales = {
        name: replace(scale(scalings[name], seen), missing=missing.get(name))
        for name, seen in moments.items()
    }
    constant = [name for name, seen in counts.items() if np.count_nonzero(seen) <= 1]
    constant += [name for name, one in buckets.items() if not len(one.edges)]
    constant += [field.name for field in dense_fields(dataset) if not moments[field.name].deviation]
    return Encoding(found, scales, vocabularies, constant)


def chunks(
    db: duckdb.DuckDBPyConnection, fields: Sequence[str], numbers: Sequence[str], parts: Parts
) -> Iterator[tuple[dict[str, NDArray[Any]], Parts]]:
    """Yield columns of `examples` and the parts of the rows, chunk by chunk.

    Args:
        db: Holds `examples`.
        fields: Columns of codes, which are yielded as code + 1, and 0 for none, int32.
        numbers: Columns that are yielded as float64, NaN where missing.
        parts: Of all rows, [R].

    """
    chosen = [f"CAST(coalesce({quoted(c)} + 1, 0) AS INTEGER)" for c in fields]
    chosen += [f"CAST({quoted(c)} AS DOUBLE)" for c in numbers]
    db.execute(f"SELECT {', '.join([*chosen, '0'])} FROM examples")
    start = 0
    while len(frame := db.fetch_df_chunk(VECTORS)):
        columns = [frame.iloc[:, n].to_numpy() for n in range(len(chosen))]
        yield dict(zip([*fields, *numbers], columns, strict=True)), parts[start : start + len(frame)]
        start += len(frame)


def scale(kind: Scaling, seen: Moments) -> Scale:
    """Return the scale for what training rows hold."""
    if seen.count == 0 or kind in ("none", "log"):
        return Scale(kind, 0.0, 1.0)
    if kind == "minmax":
        return Scale(kind, seen.low, (seen.high - seen.low) or 1.0)
    return Scale(kind, seen.mean, seen.deviation or 1.0)


def _lookup(settings: DatasetSettings, name: str, counts: Ints, vocabularies: dict[str, Ids]) -> Lookup:
    """Return the ids of codes that training rows hold `counts` times, and keep the field's vocabulary."""
    table = np.zeros(len(counts) + 1, dtype=np.int32)
    if name in settings.hashed:
        table[1:] = np.arange(1, len(table))
        return Lookup(table, len(table))
    kept = np.flatnonzero(counts >= settings.min_count)
    if settings.max_vocabulary is not None and len(kept) > settings.max_vocabulary:
        most = np.argsort(-counts[kept], kind="stable")[: settings.max_vocabulary]
        kept = np.sort(kept[most])
    table[kept + 1] = np.arange(1, len(kept) + 1)
    vocabularies[name] = kept.astype(np.int32)
    return Lookup(table, len(kept) + 1)


def _bagged(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str, used: Ints, vocabularies: dict[str, Ids]
) -> Bagged:
    """Return the bags of a multi-valued field, of which training rows hold bag b `used[b]` times.

    A value counts once for each row that holds it.
    """
    counts = np.zeros(dataset.settings.hashed.get(name) or value_count(db, name), dtype=np.int64)
    for bags, values in held(db, name):
        np.add.at(counts, values, used[bags + 1])
    lookup = _lookup(dataset.settings, name, counts, vocabularies)
    lengths = np.zeros(len(used) + 1, dtype=np.int64)
    for bags, values in held(db, name):
        known = lookup(values + 1) > 0
        lengths += np.bincount(bags[known] + 2, minlength=len(lengths))
    return Bagged(lookup, np.cumsum(lengths))


def _codes(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> int:
    """Return how many codes a field has; of a multi-valued one, how many bags."""
    buckets = None if name in bag_fields(dataset) else dataset.settings.hashed.get(name)
    return buckets or count(db, codes(name))
