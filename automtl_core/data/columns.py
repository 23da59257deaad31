"""How one column becomes ids or numbers, and back. Letters: R rows."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.dataset.dataset import LARGEST, Scaling
from automtl_core.errors import ArtifactError, DataError, printable

Column: TypeAlias = "Sequence[Any] | NDArray[Any] | pd.Series[Any]"
"""One value a row."""
LARGEST_WHOLE = 9e18
"""Floats from here on are not written as integers, which would need more than 64 bits."""
Floats = NDArray[np.float64]
Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """The values of a sparse field, in a file of one JSON string a line: line k has id k, and line 0 is null.

    The file is read when it is first needed. Values with equal digests are equal.
    """

    size: int
    """Ids, the unseen one included."""
    sha256: str
    path: Path = field(compare=False, repr=False)

    @cached_property
    def values(self) -> list[str]:
        """All values; that at place k has id k + 1."""
        try:
            with self.path.open(encoding="utf-8") as lines:
                values: list[str] = json.loads(f"[{','.join(lines)}]")
        except (OSError, ValueError) as error:
            raise _damaged(self.path, error) from None
        if len(values) != self.size:
            raise _damaged(self.path, f"{len(values)} lines for {self.size} ids")
        return values[1:]

    @cached_property
    def _index(self) -> "pd.Index[Any]":
        return pd.Index(self.values, dtype=object)

    def ids(self, texts: Sequence[str]) -> Ids:
        """Return the ids of values, 0 for those that are not known."""
        return (self._index.get_indexer(pd.Index(texts, dtype=object)) + 1).astype(np.int32)

    def names(self, ids: Iterable[int]) -> dict[int, str | None]:
        """Return the values of some ids, None for id 0, without taking a whole vocabulary into memory."""
        wanted = set(ids)
        with self.path.open(encoding="utf-8") as lines:
            known = islice(lines, max(wanted, default=-1) + 1)
            return {one: json.loads(line) for one, line in enumerate(known) if one in wanted}

    def copy(self, path: Path) -> None:
        """Put the file at `path` too, as a hard link where that can be."""
        try:
            os.link(self.path, path)
        except OSError:
            shutil.copyfile(self.path, path)


@dataclass(frozen=True)
class Hashed:
    """A sparse field whose values are hashed: id 1 + (hash of the text % buckets), whatever the data."""

    buckets: int

    @property
    def size(self) -> int:
        """Ids, that of a blank included."""
        return self.buckets + 1

    def ids(self, texts: Sequence[str]) -> Ids:
        """Return the ids of values, 0 for an empty text."""
        return np.array([self._hash(text) % self.buckets + 1 if text else 0 for text in texts], np.int32)

    def names(self, ids: Iterable[int]) -> dict[int, str | None]:
        """Return words for ids: what was hashed is not known."""
        return _numbered(ids)

    @staticmethod
    def _hash(text: str) -> int:
        """Return what `md5_number_lower` of DuckDB gives; a lone surrogate has no UTF-8 of its own."""
        digest = hashlib.md5(text.encode(errors="replace"), usedforsecurity=False).digest()
        return int.from_bytes(digest[8:], "little")


@dataclass(frozen=True)
class Buckets:
    """A sparse field of numbers: id 1 + how many edges a number has reached, 0 where missing."""

    edges: tuple[float, ...]
    missing: float | None = None
    """What stands for a missing number, if anything does."""

    @property
    def size(self) -> int:
        """Ids, the missing one included."""
        return len(self.edges) + 2

    def __call__(self, values: Floats) -> Ids:
        """Return the ids of numbers."""
        values = _filled(values, self.missing)
        found = np.searchsorted(np.array(self.edges, np.float64), values, side="right") + 1
        return np.where(np.isnan(values), 0, found).astype(np.int32)

    def names(self, ids: Iterable[int]) -> dict[int, str | None]:
        """Return words for ids."""
        return _numbered(ids)


@dataclass(frozen=True)
class Scale:
    """How a number is scaled: (f(x) - offset) / width, f being the logarithm for `log`."""

    kind: Scaling
    offset: float
    width: float
    missing: float | None = None
    """What stands for a missing number, if anything does."""

    def __call__(self, values: Floats) -> Floats:
        """Return scaled values, NaN where missing."""
        values = _filled(values, self.missing)
        values = np.sign(values) * np.log1p(np.abs(values)) if self.kind == "log" else values
        return (values - self.offset) / self.width

    def inverse(self, values: NDArray[np.float32]) -> Floats:
        """Return the numbers that were scaled, NaN where missing."""
        numbers = np.asarray(values, dtype=np.float64) * self.width + self.offset
        return np.asarray(np.sign(numbers) * np.expm1(np.abs(numbers))) if self.kind == "log" else numbers


FieldEncoding = Vocabulary | Hashed | Buckets


def edges(values: Floats, buckets: int) -> Floats:
    """Return what separates buckets of equal frequency, NaN left out; fewer where values repeat."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0)
    inner = np.arange(1, buckets) / buckets
    return np.unique(np.quantile(known, inner, method="inverted_cdf"))


def ids(encoding: FieldEncoding, name: str, column: Column, rows: NDArray[np.int64] | None = None) -> Ids:
    """Return the ids of a column, [R]: 0 where it is blank, or where its value is not known.

    Args:
        encoding: Of the field.
        name: Of the column, for errors.
        column: Text, integers, or floats that are whole because of gaps; for buckets numbers.
        rows: The row of each value, for errors; where None, its place.

    Raises:
        DataError: a value is none of these.

    """
    if isinstance(encoding, Buckets):
        return encoding(numbers(name, column))
    series = series_of(column)
    try:
        places, values = different(series)
    except TypeError:  # a list, or alike
        places, values = np.arange(len(series)), list(series)
    texts = [text(whole(value)) for value in values]
    if None in texts:
        place = int((places == texts.index(None)).argmax())
        row = place if rows is None else int(rows[place])
        raise fault(name, row, series.iloc[place], "is not one value", "give one text or integer a row")
    known = encoding.ids([str(one) for one in texts])
    return np.concatenate([np.zeros(1, np.int32), known])[places + 1]


def numbers(name: str, column: Column) -> Floats:
    """Return a column as numbers, [R], NaN where it is blank.

    Raises:
        DataError: a value is no number, or too large.

    """
    series = series_of(column)
    found, fits = checked_numbers(series)
    if not fits.all():
        row = int(fits.argmin())
        what = f"is no number of at most {LARGEST:g}"
        raise fault(name, row, series.iloc[row], what, "give a number, or None for a blank")
    return found


def series_of(column: Column) -> "pd.Series[Any]":
    """Return a column as a series; values of a list stay as they are: integers with gaps are no floats."""
    if isinstance(column, pd.Series):
        return column
    return pd.Series(column, dtype=object if isinstance(column, list | tuple) else None)


def different(series: "pd.Series[Any]") -> tuple[NDArray[np.int64], list[Any]]:
    """Return the place of each row's value, -1 for None and NaN, [R], and the different values."""
    places, values = pd.factorize(series)
    single = values.dtype == np.float32  # of which an index would give digits of double precision
    return places, list(values.to_numpy() if single else values)


def checked_numbers(series: "pd.Series[Any]") -> tuple[Floats, NDArray[np.bool_]]:
    """Return numbers, NaN where blank, and whether each is a blank or a number in range; both [R]."""
    if pd.api.types.is_numeric_dtype(series.dtype):
        found = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return found, ~(abs(found) > LARGEST)
    values = series.to_numpy(dtype=object)
    found = _floats(values)
    odd = np.flatnonzero(~np.isfinite(found))
    blank = pd.isna(values[odd]) | (values[odd] == "")
    found[odd[blank]] = np.nan
    fits = ~(abs(found) > LARGEST)
    fits[odd[~blank]] = False
    return found, fits


def text(value: object) -> str | None:
    """Return one value as readers of raw files write it; an empty text for a blank, None for several values.

    Of moments with a time zone this is the text in UTC, whatever the zone of the machine is.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    match value:
        case str():
            return str(value)
        case bool() | np.bool_():
            return "1" if value else "0"
        case int() | np.integer() | UUID():
            return str(value)
        case float() | np.floating():
            # The shortest digits, also in single precision.
            return "" if np.isnan(value) else repr(float(str(value)))
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
    return None


def fault(name: str, row: int, value: object, what: str, fix: str) -> DataError:
    """Return the error for a wrong value, in a row that is counted from 0."""
    held = printable(repr(value.item() if isinstance(value, np.generic) else value))
    return DataError(f"column {name!r}, row {row} (the first one is 0): {held} {what}", fix)


def _filled(values: Floats, missing: float | None) -> Floats:
    return values if missing is None else np.where(np.isnan(values), missing, values)


def _floats(values: NDArray[Any]) -> Floats:
    """Return objects as numbers, infinite where they are none."""
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_float(value) for value in values], np.float64)


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.inf


def whole(value: object) -> object:
    """Return an integer for a float that is one: integers with gaps are floats in a data frame."""
    if isinstance(value, float | np.floating):
        number = float(value)
        if number.is_integer() and abs(number) < LARGEST_WHOLE:
            return int(number)
    return value


def _moment(value: datetime) -> str:
    zoned = value.tzinfo is not None
    written = (value.astimezone(UTC) if zoned else value).replace(tzinfo=None).isoformat(" ")
    return (written.rstrip("0").rstrip(".") if "." in written else written) + ("+00" if zoned else "")


def _numbered(ids: Iterable[int]) -> dict[int, str | None]:
    return {one: f"#{one}" if one else None for one in ids}


def _damaged(path: Path, what: object) -> ArtifactError:
    return ArtifactError(f"{path}: damaged: {what}", "restore the folder from a copy, or prepare again")


def to_json(encoding: FieldEncoding) -> dict[str, Any]:
    """Return what tells an encoding; the values of a vocabulary are in its file."""
    match encoding:
        case Vocabulary():
            return {"kind": "vocabulary", "size": encoding.size, "sha256": encoding.sha256}
        case Hashed():
            return {"kind": "hashed", "buckets": encoding.buckets}
        case Buckets():
            return {"kind": "buckets", "edges": list(encoding.edges), "missing": encoding.missing}


def from_json(value: Mapping[str, Any], path: Path) -> FieldEncoding:
    """Read what `to_json` returned; a vocabulary has its values at `path`."""
    match value["kind"]:
        case "vocabulary":
            return Vocabulary(int(value["size"]), str(value["sha256"]), path)
        case "hashed":
            return Hashed(int(value["buckets"]))
        case "buckets":
            return Buckets(tuple(map(float, value["edges"])), value["missing"])
    raise ValueError(f"unknown kind {value['kind']!r}")
