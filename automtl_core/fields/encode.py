"""Encoding of columns to ids and numbers. This module needs numpy only.

Preparation, prediction and exported folders use it: an export contains this file as `encode.py`, followed by
`lookup.py`, `served.py` and the encoders of its fields. Letters: B examples, N fields of ids, M fields of
numbers, V values of bags, E events, L events of an example, F shared fields.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache, partial
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import quote
from uuid import UUID

import numpy as np

__all__ = ["cached_property", "dataclass", "field", "hashlib", "repeat"]  # for the encoders below

LARGEST = float(np.nextafter(np.float32(1e38), np.float32(np.inf)))
"""Largest absolute value of a number: 1e38, rounded up to a number of single precision."""
EARLIEST_DATE, LATEST_DATE = 19_000_101, 21_001_231
"""Numbers that are dates lie between these."""
TIME = re.compile(
    r"([1-9][0-9]{3})[-/](0?[1-9]|1[0-2])[-/](0?[1-9]|[12][0-9]|3[01])"
    r"(?:[ T]([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9](?:\.[0-9]+)?))?"
    r"(?: ?(?:Z|UTC|([+-])([01][0-9])(?::?([0-5][0-9]))?))?)?",
    re.ASCII,
)
"""Pattern of a date, with a time of the day or without, in the common syntax of RE2 and Python."""
MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?"
)
NAMED_DATES = (
    rf"(?i)({MONTHS}) ([0-9]{{1,2}}),? ([1-9][0-9]{{3}})",
    rf"(?i)([0-9]{{1,2}})[ -]({MONTHS})[ -]([1-9][0-9]{{3}})",
)
"""Patterns of dates with the name of a month: `May 14, 1996` and `14-May-1996`, in the same syntax."""
INTEGER = "(0|-?[1-9][0-9]*)"
"""Pattern of an integer, in the common syntax of RE2 and Python."""

Gives = Literal["ids", "bags", "numbers"]
Reading = Literal["texts", "numbers", "lists"]
"""Conversion of a column, by the function of this name."""
Values = Any
"""One value for each example: a sequence, a numpy array or a pandas series."""
Kinds = Mapping[str, type["FieldEncoder"]]
"""Kind, as in `encoder.json` -> its class."""
KINDS: Kinds = {}
"""Encoders that `Encoder` can read: in an exported file, those of its fields."""


class WrongValueError(ValueError):
    """A value that a field does not accept."""

    def __init__(self, row: int, value: object, problem: str, fix: str) -> None:
        self.row, self.value, self.problem, self.fix = int(row), value, problem, fix
        self.column = ""

    def __str__(self) -> str:
        return f"column {self.column!r}, row {self.row} (the first one is 0): {self.value!r} {self.problem}"


class FieldEncoder:
    """Encoder of the values of one field as ids or numbers. Subclasses are frozen dataclasses of JSON values.

    An export contains the source of the class. It may use the names that this file defines or imports, and
    import others from the standard library inside its methods.
    """

    kind: ClassVar[str]
    """Name of the class in `encoder.json`."""
    gives: ClassVar[Gives] = "ids"
    """Whether the result is one id for each example, a bag of ids, or a number."""
    reading: ClassVar[Reading] = "texts"
    size: int
    """Number of ids, including that of missing and unseen values; undefined for numbers."""

    def reads(self, name: str) -> Mapping[str, Reading]:
        """Return the columns that the field `name` reads, and their conversions; by default column `name`."""
        return {name: self.reading}

    def encode(self, *columns: Any) -> Any:
        """Return ids [B], 0 where missing or unseen; or numbers [B], NaN where missing; or bags, see `Bag`.

        Args:
            columns: The columns of `reads`, with B values each.

        """
        raise NotImplementedError

    def decode(self, encoded: Any) -> list[Any]:
        """Return the values of ids or numbers [B]: text for ids, None for id 0 and NaN."""
        if self.gives == "numbers":
            return [None if value != value else value for value in self.inverse(encoded).tolist()]
        return [f"#{one}" if one else None for one in encoded]

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Return the unscaled numbers of encoded numbers [B], NaN where missing."""
        return np.asarray(values, np.float64)

    def examples(self, name: str, encoded: Any) -> dict[str, list[Any]]:
        """Return columns of values that encode to ids or numbers [B]; values of hashed ids are arbitrary."""
        return dict.fromkeys(self.reads(name), self.decode(encoded))

    def parts(self) -> "tuple[FieldEncoder, ...]":
        """Return the encoder and its nested encoders."""
        return (self,)

    def files(self) -> Mapping[str, tuple[Path, str]]:
        """Return the encoder's files beside `encoder.json`: ending -> path and SHA-256."""
        return {}

    def of_column(self) -> str | None:
        """Return the column whose values have vectors; None for an encoder without vectors."""
        return None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` restores the encoder; paths are no part of it."""
        values: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        return {"kind": self.kind, **{k: v for k, v in values.items() if not isinstance(v, Path)}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], path: Path, kinds: Kinds) -> "FieldEncoder":
        """Restore an encoder from `to_json` without its kind; its file, if any, is at `path`."""
        return cls(**{name: tuple(one) if isinstance(one, list) else one for name, one in value.items()})


def read_encoder(value: Mapping[str, Any], path: Path, kinds: Kinds) -> FieldEncoder:
    """Return an encoder from its JSON.

    Raises:
        ValueError: the kind is unknown.

    """
    settings = dict(value)
    kind = settings.pop("kind")
    if kind not in kinds:
        raise ValueError(f"no plugin registers the kind of field {kind!r}")
    return kinds[kind].from_json(settings, path, kinds)


def encode(name: str, encoder: FieldEncoder, columns: Any, as_texts: Sequence[str] | None = None) -> Any:
    """Return the ids or numbers of a field from columns by name; raises `WrongValueError` with the column.

    Columns `as_texts` are taken as they are, and in others texts such as "9.0" are integers; if it is None,
    floats alone are converted to integers.
    """
    column = name
    taken: list[Any] = []
    try:
        for column, how in encoder.reads(name).items():
            if how == "texts":
                taken.append(texts_of(column, columns, as_texts))
            else:
                taken.append(numbers(columns[column]) if how == "numbers" else lists(columns[column]))
        return encoder.encode(*taken)
    except WrongValueError as wrong:
        wrong.column = column
        raise


def texts_of(column: str, columns: Any, as_texts: Sequence[str] | None) -> list[str]:
    """Return the values of a column as texts, [B]; see `encode` for `as_texts`."""
    return texts(columns[column], None if as_texts is None else column in as_texts)


def texts(values: Values, exact: bool | None = None) -> list[str]:
    """Return values as text, [B]: see `text`.

    Integral numbers have no decimal point, unless `exact`; texts of numbers neither, if it is False.
    """
    if getattr(values, "dtype", None) == np.float32:
        plain = list(np.asarray(values))  # `tolist` would print them in double precision
        # Up to 2**24 all integers have their digits.
        if (lost := np.abs(plain) > 2**24).any():
            problem = "is a number of single precision, which has lost digits"
            row = int(lost.argmax())
            raise WrongValueError(row, plain[row], problem, "give integers or texts")
    else:
        plain = values.tolist() if hasattr(values, "tolist") else values
    found = [
        value
        if type(value) is str and (exact is not False or not value.endswith("0"))
        else text(value if exact else whole(value))
        for value in plain
    ]
    if None in found:
        row = found.index(None)
        raise WrongValueError(row, plain[row], "is not one value", "give one text or integer for each row")
    return found  # type: ignore[return-value]


def numbers(values: Values) -> np.ndarray:
    """Return values as numbers in double precision, [B]; NaN where missing."""
    found = floats(values)
    problem = f"is not a number of at most {LARGEST:g}"
    _refuse(np.abs(found) > LARGEST, values, problem, "give a number, or None for a blank")
    return found


def floats(values: Values) -> np.ndarray:
    """Return values as numbers in double precision, [B]; NaN where missing, and infinite where no number."""
    plain = np.asarray(values) if hasattr(values, "dtype") else np.fromiter(values, object, len(values))
    if plain.dtype.kind in "iufb":
        return plain.astype(np.float64)
    found = np.full(len(plain), np.nan)
    with suppress(TypeError, ValueError, OverflowError):
        found = plain.astype(np.float64) if plain.dtype == object else found
    odd = np.flatnonzero(np.isnan(found))  # blanks, or no numbers
    found[odd] = [_float(value) for value in plain[odd]]
    return found


def lists(values: Values) -> list[Sequence[Any]]:
    """Return values as lists, [B]; empty where missing."""
    return [_list(row, value) for row, value in enumerate(values)]


OWN = "automtl:"
"""Prefix of names that automtl makes; no column of raw files begins with it."""
OUTSIDE = 1 << 30
"""Number above all ids; those of values outside of a vocabulary begin here."""
AGE = f"{OWN}age"
"""Key of the ages of events, which is no name of a column of events."""


@dataclass(frozen=True)
class Flag(FieldEncoder):
    """Encoder of an outcome, 0 or 1; a missing one is 0."""

    kind: ClassVar[str] = "flag"
    gives: ClassVar[Gives] = "numbers"
    reading: ClassVar[Reading] = "numbers"

    def encode(self, values: np.ndarray) -> np.ndarray:
        found = filled(values, 0.0)
        _refuse(~np.isin(found, (0, 1)), values, "is not an outcome", "give 0 or 1 for each event")
        return found

    def decode(self, encoded: Any) -> list[Any]:
        return [int(value) for value in encoded]


class EventLists(NamedTuple):
    """The events of B examples, one after the other, those of an example from the earliest on."""

    counts: np.ndarray  # [B]
    """Number of events of each example."""
    ids: np.ndarray  # [E, F] int32
    """Values of shared fields, and of the fields of their vectors. Those outside of the vocabulary have
    the numbers of `outside`, so that equal ones can be recognised."""
    numbers: np.ndarray  # [E, M] float32
    """Outcomes, then other numbers, NaN where missing."""
    ages: np.ndarray  # [E] float32
    values: np.ndarray  # [B, F] int32
    """The values of the examples, numbered as in `ids`."""


def event_columns(history: Mapping[str, Any]) -> list[str]:
    """Return the columns of lists of events: one for each column of events, and the ages if any."""
    keys = (*history["shared"], *number_encoders(history, {}), history["age"])
    if lists := history.get("lists"):
        return [lists[key] for key in keys if key in lists]
    return [f"{history['name']}:{key}" for key in keys]


def number_encoders(history: Mapping[str, Any], encoders: Mapping[str, Any]) -> dict[str, Any]:
    """Return the encoders of the numeric columns of events, None where `encoders` has none.

    Args:
        history: The history as JSON.
        encoders: Name -> encoder; the number `price` of the history `past` has the name `past:price`.

    """
    others = {name: encoders.get(f"{history['name']}:{name}") for name in history.get("numbers", ())}
    return {**dict.fromkeys(history["outcomes"], Flag()), **others}


def event_lists(
    history: Mapping[str, Any],
    encoders: "Mapping[str, FieldEncoder]",
    columns: Any,
    as_texts: Sequence[str] | None = None,
) -> EventLists:
    """Return the events of B examples from lists.

    Args:
        history: The history as JSON.
        encoders: Field -> its encoder, also those of numbers, see `number_encoders`.
        columns: The columns of `event_columns`: lists with one entry for each event, the earliest first; and
            those of the shared fields.
        as_texts: As for `encode`.

    """
    names, shared = event_columns(history), history["shared"]
    blanks, integers = history.get("blanks", ()), (history.get("facts") or {}).get("integers", ())
    held = _aligned({name: lists(columns[name]) for name in names})
    counts = np.array([min(len(one), history["length"]) for one in held[names[-1]]], np.int64)
    ends, left = counts.cumsum(), iter(names)

    def of_events(read: Callable[[Any], Any]) -> Any:
        """Return the values of the next column, by a function; its faults name the row of their event."""
        column = next(left)
        parts = (of_row[len(of_row) - n :] for of_row, n in zip(held[column], counts, strict=True))
        flat = [None if isinstance(v, str) and v in blanks else v for of_row in parts for v in of_row]
        try:
            return read(flat)
        except WrongValueError as wrong:
            wrong.column, wrong.row = column, int(np.searchsorted(ends, wrong.row, side="right"))
            raise

    raw: dict[str, tuple[Any, list[str]]] = {}
    for name in shared:
        read = partial(texts, exact=None if as_texts is None else name in as_texts)
        raw[name] = of_events(_integers if name in integers else read), read(columns[name])
    pairs = [[_numbered(encoders[name], one) for one in of] for name, of in raw.items()]
    for encoder in encoders.values():
        if (of := encoder.of_column()) in raw:
            pairs.append([encoder.encode(one) for one in raw[of]])
    ids, values = ([pair[n] for pair in pairs] for n in (0, 1))
    measured = [of_events(partial(_measured, one)) for one in number_encoders(history, encoders).values()]
    events = int(counts.sum())
    ranks = np.repeat(ends, counts) - np.arange(events)  # 1 is the latest event
    ages = of_events(_ages) if len(names) > len(shared) + len(measured) else ranks
    return EventLists(
        counts,
        np.array(ids, np.int32).reshape(len(ids), events).T,
        np.array(measured, np.float32).reshape(len(measured), events).T,
        ages.astype(np.float32),
        np.array(values, np.int32).reshape(len(values), len(counts)).T,
    )


def _aligned(held: Mapping[str, Sequence[Sequence[Any]]]) -> dict[str, list[Sequence[Any]]]:
    """Return lists of events by column, after a check that those of an example are equally long.

    An empty list beside lists of one entry holds one blank, which is the same in a text.
    """
    longest = [max(map(len, of_row)) for of_row in zip(*held.values(), strict=True)]
    found: dict[str, list[Sequence[Any]]] = {}
    for name, of_rows in held.items():
        found[name] = [[None] if not one and n == 1 else one for one, n in zip(of_rows, longest, strict=True)]
        for row, (one, count) in enumerate(zip(found[name], longest, strict=True)):
            if len(one) != count:
                problem = f"has {len(one)} entries, and another list of events {count}"
                wrong = WrongValueError(row, one, problem, "give one for each event")
                wrong.column = name
                raise wrong
    return found


def _numbered(encoder: "FieldEncoder", values: Sequence[str]) -> np.ndarray:
    """Return the ids of values; those outside of the vocabulary have the numbers of `outside`."""
    known = np.asarray(encoder.encode(values), np.int32)
    new = [place for place in np.flatnonzero(known == 0).tolist() if values[place]]
    known[np.array(new, np.int64)] = outside([text_hash(values[place]) for place in new])
    return known


def outside(hashes: Any) -> np.ndarray:
    """Return the numbers of values outside of a vocabulary, int32, from the hashes of their texts."""
    return np.asarray(OUTSIDE + np.asarray(hashes, np.uint64) % OUTSIDE, np.int32)


def _measured(encoder: "FieldEncoder", values: Values) -> Any:
    return encoder.encode(numbers(values))


def _integers(values: Values) -> list[str]:
    """Return integers as texts; `5.0` is one, as data frames write it where a column has blanks."""
    found = [str(whole(one)) for one in texts(values)]
    odd = [bool(one) and not re.fullmatch(INTEGER, one) for one in found]
    _refuse(odd, found, "is not an integer", "give an integer, or None for a blank")
    return found


def _ages(values: Values) -> np.ndarray:
    found = numbers(values)
    _refuse(~(found >= 0), values, "is not a time since an event", "give a number from 0 on for each event")
    return found


def _refuse(wrong: Any, values: Any, problem: str, fix: str) -> None:
    """Raise `WrongValueError` for the first value that is wrong."""
    for place in np.flatnonzero(wrong)[:1]:
        raise WrongValueError(place, list(values)[place], problem, fix)


def padded(
    starts: np.ndarray, ends: np.ndarray, length: int, *of_events: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return which entries are events [B, length], and arrays of events by example [B, length, ...].

    The latest event is first. The entries of padding are arbitrary.

    Args:
        starts: The first event of each example, [B].
        ends: The event after its last one, [B].
        length: Number of entries of an example.
        of_events: Arrays [E, ...].

    """
    places = ends[:, None] - np.arange(1, length + 1, dtype=ends.dtype)
    known = places >= starts[:, None]
    np.maximum(places, 0, out=places)
    some = (array if len(array) else np.zeros((1, *array.shape[1:]), array.dtype) for array in of_events)
    return known, *(array.take(places, axis=0) for array in some)


def filled(values: np.ndarray, missing: float | None) -> np.ndarray:
    """Return numbers with `missing` in place of NaN; unchanged if `missing` is None."""
    return values if missing is None else np.where(np.isnan(values), missing, values)


def file_name(name: str) -> str:
    """Return the name of a field as a file name; a long one ends in its digest.

    File systems allow 255 bytes in all, of which endings need some.
    Slashes and characters that a terminal could act on are escaped as in addresses, such as `%2F`.
    """
    escaped = "".join(
        c if c.isprintable() and c not in "%/" else quote(c, safe="", errors="surrogatepass") for c in name
    )
    stored = escaped.encode("utf-8", "surrogateescape")
    if len(stored) <= 180:
        return escaped
    start = stored[:160].decode("utf-8", "ignore")
    return f"{start}-{hashlib.sha256(stored).hexdigest()[:16]}"


def as_number(written: str) -> float | None:
    """Return the number that a text writes, also an infinite one; None for other texts."""
    if "_" in written or not written.isascii():
        return None
    try:
        number = float(written)
    except ValueError:
        return None
    return None if number != number else number


def times(written: Sequence[str]) -> np.ndarray:
    """Return times as `seconds` does, [B]; NaN for blanks and other texts."""
    if all(written) and (digits := "".join(written)).isascii() and digits.isdecimal():
        found = np.array(written, np.float64)
        if ((found > LATEST_DATE) & (found < 1e11)).all():
            return found  # whole seconds, one by one five times as slow
    return np.array([seconds(text) if text else None for text in written], np.float64)


def seconds(written: str) -> float | None:
    """Return a time as seconds since 1970 (UTC); None for other texts.

    A number up to 1e11 is in seconds, a larger one in milli-, micro- or nanoseconds, by its size; a number
    such as 20240131 is a date. Other times are dates such as 2024-01-31, with a time of the day such as
    23:59:59 and an offset such as +02:00 or without; or such as May 14, 1996.
    """
    if parts := TIME.fullmatch(written):
        year, month, day, hour, minute, second, sign, hours, minutes = parts.groups(default="0")
        start = _since(int(year), int(month), int(day))
        offset = int(f"{sign}{60 * int(hours) + int(minutes)}") if sign != "0" else 0
        of_day = 3600 * int(hour) + 60 * (int(minute) - offset) + float(second)
        return None if start is None else start + of_day
    if (number := as_number(written)) is not None:
        if EARLIEST_DATE <= number <= LATEST_DATE and number.is_integer():
            whole = int(number)
            if (since := _since(whole // 10_000, whole // 100 % 100, whole % 100)) is not None:
                return since
        size = abs(number)
        unit = 1.0 if size < 1e11 else 1e3 if size < 1e14 else 1e6 if size < 1e17 else 1e9
        return number / unit if size <= LARGEST else None
    for place, pattern in enumerate(NAMED_DATES):
        if named := re.fullmatch(pattern, written, re.ASCII):
            of_year = [one[:3] for one in MONTHS.split("|")].index(named[1 + place][:3].lower())
            return _since(int(named[3]), of_year + 1, int(named[2 - place]))
    return None


@lru_cache(1 << 12)
def _since(year: int, month: int, day: int) -> float | None:
    try:
        return 86400.0 * (date(year, month, day) - date(1970, 1, 1)).days
    except ValueError:
        return None


def hashed(text: str, buckets: int) -> int:
    """Return the bucket of a text, from 1 on, 0 for a blank."""
    return text_hash(text) % buckets + 1 if text else 0


@lru_cache(1 << 17)
def text_hash(text: str) -> int:
    """Return a hash of 64 bits, as DuckDB's `md5_number_lower`; 0 for a blank."""
    digest = hashlib.md5(text.encode(errors="replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") if text else 0


def text(value: Any) -> str | None:
    """Return a value as readers of raw files write it; "" for a missing value, None for a collection.

    A time with a zone is written in UTC, independent of the machine's zone.
    """
    if _blank(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, float | np.floating):
        return repr(float(str(value)))  # the shortest digits, also in single precision
    if isinstance(value, datetime):
        zoned = value.tzinfo is not None
        written = (value.astimezone(UTC) if zoned else value).replace(tzinfo=None).isoformat(" ")
        return (written.rstrip("0").rstrip(".") if "." in written else written) + ("+00" if zoned else "")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, str | int | np.integer | date | UUID) else None


def whole(value: Any) -> Any:
    """Return the integer of an integral float, or of a text such as "9.0"; other values are unchanged.

    Integers with gaps become floats in a data frame.
    """
    if isinstance(value, str):
        found = re.fullmatch(rf"{INTEGER}\.0+", value) if value.endswith("0") else None
        return found[1] if found else value
    if isinstance(value, float | np.floating):
        number = float(value)
        if number.is_integer() and abs(number) < 9e18:  # larger integers exceed 64 bits
            return int(number)
    return value


def _float(value: Any) -> float:
    if _blank(value):
        return float("nan")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return float("inf")
    return number if number == number else float("inf")


def _list(row: int, value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, np.ndarray):
        return list(value.tolist())  # masked values become None
    if isinstance(value, set | frozenset):
        return tuple(value)
    if _blank(value) and not isinstance(value, str):
        return ()
    raise WrongValueError(row, value, "is not a list", "give a list of values for each row")


def _blank(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return type(value).__name__ in ("NoneType", "NAType", "NaTType") or (isinstance(value, str) and not value)
