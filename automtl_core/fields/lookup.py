"""Hashes of values, and the lookup of aggregates by them. This module needs numpy only.

Preparation, prediction and exported folders use it: an export with aggregates contains this file. Letters: B
examples, E entries, of which an example has one, or one for each value in its bag, C cells, A numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from automtl_core.fields.encode import FieldEncoder, text_hash, texts_of


class Entries(NamedTuple):
    """Hashes of the values that examples have in a field, or in the fields of a key."""

    hashes: np.ndarray  # [E] uint64
    counts: np.ndarray | None = None  # [B]
    """Number of entries of each example; None for one each."""


def mixed(numbers: np.ndarray) -> np.ndarray:
    """Return a hash of each integer, uint64: the finaliser of splitmix64."""
    x = np.asarray(numbers).astype(np.uint64)
    with np.errstate(over="ignore"):
        x += np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
        found: np.ndarray = x ^ (x >> np.uint64(31))
    return found


def hashes_of(texts: Sequence[str]) -> np.ndarray:
    """Return a hash of each text, uint64, 0 for a blank."""
    return np.fromiter(map(text_hash, texts), np.uint64, len(texts))


def entries(
    name: str, encoder: FieldEncoder, columns: Any, as_texts: Sequence[str] | None, encoded: Any
) -> Entries:
    """Return hashes of the values of a field.

    Values of a vocabulary have the hash of their text, so that those outside of it differ; others have that
    of their id.

    Args:
        name: The field.
        encoder: Its encoder.
        columns: The columns of the examples.
        as_texts: See `encode`.
        encoded: What the encoder returned.

    """
    if encoder.kind == "vocabulary":
        return Entries(hashes_of(texts_of(name, columns, as_texts)))
    if encoder.gives == "bags":
        starts, values = encoded
        return Entries(mixed(values), np.diff(starts))
    return Entries(mixed(encoded))


def bins_of(numbers: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Return the bin of each number: 0 if missing, else 1 + the edges at or below it."""
    found = np.searchsorted(np.asarray(edges, np.float32), np.asarray(numbers, np.float32), side="right") + 1
    return np.asarray(np.where(np.isnan(numbers), 0, found))


def cells_of(fields: Sequence[Entries]) -> Entries:
    """Return the cells of a key: hashes of the values of its fields together, at most one of them a bag."""
    counts = next((one.counts for one in fields if one.counts is not None), None)
    cells = np.zeros(1, np.uint64)
    for one in fields:
        repeated = one.hashes if counts is None or one.counts is not None else np.repeat(one.hashes, counts)
        cells = mixed(cells ^ repeated)
    return Entries(cells, counts)


def cells_of_key(
    key: Sequence[str],
    edges: Mapping[str, Sequence[float]],
    fields: Mapping[str, Any],
    numeric: Mapping[str, Any],
) -> Entries:
    """Return the cells of examples in a key, see `Lookup`."""
    bins = {name: Entries(mixed(bins_of(numeric[name], of))) for name, of in edges.items()}
    return cells_of([bins[name] if name in bins else fields[name] for name in key])


def by_example(numbers: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
    """Return the mean of the entries of each example, 0 without entries: [E, A] -> [B, A]."""
    if counts is None:
        return numbers
    sums = np.zeros((len(counts), numbers.shape[1]))
    np.add.at(sums, np.repeat(np.arange(len(counts)), counts), numbers)
    return np.asarray(sums / np.maximum(counts, 1)[:, None])


@dataclass(frozen=True)
class Lookup:
    """The numbers of the cells of an aggregate."""

    key: tuple[str, ...]
    edges: Mapping[str, Sequence[float]]
    """Numeric field of the key -> inner edges of its bins."""
    cells: np.ndarray  # [C] uint64, sorted
    numbers: np.ndarray  # [C + 1, A] float32, the last row for all other cells

    def __call__(self, fields: Mapping[str, Any], numeric: Mapping[str, Any]) -> np.ndarray:
        """Return the numbers of examples, [B, A].

        Args:
            fields: Categorical field -> `Entries`.
            numeric: Numeric field -> encoded numbers, [B].

        """
        cells, counts = cells_of_key(self.key, self.edges, fields, numeric)
        places = np.searchsorted(self.cells, cells)
        known = (
            self.cells.take(places, mode="clip") == cells if len(self.cells) else np.zeros(len(cells), bool)
        )
        numbers = by_example(self.numbers[np.where(known, places, len(self.cells))], counts)
        if counts is not None:
            numbers[counts == 0] = self.numbers[-1]
        return numbers


def lookups_of(aggregates: Mapping[str, Any], folder: Path) -> "list[Lookup]":
    """Return the lookups of an export from its JSON and its arrays."""
    if not aggregates:
        return []
    with np.load(folder / aggregates["file"]) as arrays:
        return [
            Lookup(tuple(one["key"]), one["edges"], arrays[f"{n}.cells"], arrays[f"{n}.numbers"])
            for n, one in enumerate(aggregates["of"])
        ]
