"""Facts about a column in the first rows of a table."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.raw.sql import is_date, is_number, literal, whole
from automtl_core.fields.encode import EARLIEST_DATE, LATEST_DATE

PARTS = dict.fromkeys(("|", ";", ","), r"[^\[\](){}\"'']*") | {" ": "[0-9]+"}
"""Separator of multi-valued texts -> pattern of the separated values."""
LIST = "|"
"""Separator for the values of a list."""
BLANKS = ("\\n", "nan", "nat", "null", "(null)", "<na>", "#n/a", "n/a", "undefined")
"""Texts in lower case that are blanks in any column."""
DOUBTFUL = ("na", "none", "nil", "-", "--", "?", ".")
"""Texts in lower case that are blanks among numbers, and may be values among other texts."""
WORDS = (
    ("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"), ("off", "on"), ("nein", "ja"), ("nee", "ja"),
    ("nej", "ja"), ("non", "oui"), ("no", "si"), ("no", "sí"), ("não", "sim"), ("nie", "tak"), ("нет", "да"),
    ("否", "是"),
)  # fmt: skip
"""Lower and higher values of binary columns of texts, in lower case."""
POINTS, DATES = "points as thousands separators", "another form"
FORMS = {
    "thousands separators": r"[+-]?[0-9]{1,3}((,[0-9]{3})+(\.[0-9]+)?|( [0-9]{3})+([.,][0-9]+)?)",
    "decimal commas": r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+",
    POINTS: r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+",
    DATES: r"([0-9]{1,2}[./-][0-9]{1,2}[./-](19|20)[0-9]{2}|(19|20)[0-9]{2}\.[0-9]{1,2}\.[0-9]{1,2})"
    r"([ T,]+[0-9]{1,2}[:.][0-9]{2}.*)?",
    "units": r"[$€£¥] ?[+-]?[0-9]+([.,][0-9]+)*|[+-]?[0-9]+([.,][0-9]+)* ?[$€£¥%]",
}
"""Ways to write numbers and dates that are not read as such -> pattern."""
Clock = Literal["", "date", "calendar", "seconds"]
"""How a column tells the time: by dates, by numbers such as 20240131, or by seconds, milli-, micro- or
nanoseconds since 1970 in recent years."""
Kind = Literal["integer", "number", "time", "text", "list", "nested"]
"""The narrowest type that fits nearly all values of a column; a list holds plain values, any deeper type is
`nested`."""


class Parts(NamedTuple):
    """The values that a separator splits the texts of a column into."""

    rows: int
    """Rows that contain the separator."""
    parts: int
    """Number of values in all rows."""
    values: int
    """Number of distinct values."""


class Odd(NamedTuple):
    """Values that differ in kind from nearly all others."""

    rows: int
    """Number of rows with them."""
    line: int
    """Line, in a Parquet file row, of the first of them, from 1."""
    value: str
    """The first of them."""


@dataclass(frozen=True)
class Facts:
    """Facts about a column in the first rows of a table, without blanks and odd values."""

    name: str
    kind: Kind = "text"
    rows: int = 0
    """Rows with a value, which may be odd; the others are blank."""
    values: int = 0
    """Distinct values."""
    single: int = 0
    """Distinct values that occur in one row only."""
    numbers: int = 0
    """Rows whose value is a number."""
    example: str = ""
    """The most frequent value."""
    few: Sequence[str] = ()
    """All values, if there are five at most."""
    low: str = ""
    """The smallest value; in a column of numbers the smallest number."""
    high: str = ""
    mean: float = 0.0
    """Mean of the numbers."""
    parts: Mapping[str, Parts] = field(default_factory=dict)
    """Separator -> the values that it splits texts into."""
    padded: int = 0
    """Rows with a whole number that begins with a zero."""
    form: str = ""
    """One of `FORMS` that nearly all values have."""
    blanks: Sequence[str] = ()
    """Texts that were counted as blanks."""
    odd: Odd | None = None
    """Values of another kind; in a column of texts, of which most are numbers, all others."""
    bits: tuple[str, str] | None = None
    """The lower and the higher value of a binary column: those of nearly all rows."""
    ones: int = 0
    """Rows with the higher value."""
    odd_bits: Odd | None = None
    """Other values of a binary column."""
    clock: Clock = ""
    """How nearly all values tell a time; empty if they tell none."""
    odd_clock: Odd | None = None
    """Numbers that are no such time."""
    blank_where: str = ""
    """Binary column that holds its lower value in exactly those rows where this column is blank, if there is
    one."""
    only_where: Sequence[str] = ()
    """Binary columns that hold their higher value in all rows where this column does, and in more; those with
    the fewest such rows first."""


def facts_of(
    db: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    lists: Collection[str] = (),
    nested: Collection[str] = (),
) -> list[Facts]:
    """Return the facts about the columns of the table `head`, in order.

    Args:
        db: Database with the table, whose columns are c0, c1 and so on, and `line`.
        names: Names of the columns in their file.
        lists: Columns whose texts are lists, joined by `LIST`.
        nested: Columns with other values, which are not read.

    """
    found = []
    for name, counted in zip(names, _counted(db, len(names)), strict=True):
        if name in nested:
            found.append(Facts(name, "nested"))
        elif name in lists:
            found.append(_described(counted, Facts(name, "list", parts=_parts(counted, {LIST: ".*"}, True))))
        else:
            found.append(_facts(name, counted))
    return _related(db, found)


Mask = NDArray[np.bool_]


class _Values(NamedTuple):
    """The distinct values of a column, [V] each."""

    value: NDArray[Any]
    rows: NDArray[np.int64]
    """Number of rows with the value."""
    line: NDArray[np.int64]
    """Line of the first of them."""
    number: NDArray[np.float64]
    """The number that the value writes, else NaN."""
    is_whole: Mask
    is_date: Mask

    def where(self, mask: Mask) -> "_Values":
        arrays: Iterator[Any] = (array[mask] for array in self)
        return _Values(*arrays)

    def count(self, mask: Mask) -> int:
        """Return the number of rows whose values pass a test."""
        return int(self.rows[mask].sum())

    def test(self, accepts: Callable[[str], object]) -> Mask:
        """Return which values pass a test."""
        return np.fromiter(map(bool, map(accepts, self.value)), bool, len(self.value))

    @property
    def is_number(self) -> Mask:
        return ~np.isnan(self.number)


def _counted(db: duckdb.DuckDBPyConnection, columns: int) -> Iterator[_Values]:
    """Yield the values of each column of `head`, by few queries, since each is planned over all columns."""
    rows = db.execute("SELECT count(*) FROM head").fetchall()[0][0]
    block = max(1, 2_000_000 // max(1, rows))  # some two million values are counted together
    for start in range(0, columns, block):
        some = range(start, min(start + block, columns))
        listed = ", ".join(f"c{n}" for n in some)
        db.execute(
            "SELECT place, value, count(*), min(line), "
            f"CASE WHEN {is_number('value')} THEN CAST(value AS DOUBLE) END, "
            f"{whole('value')} IS NOT NULL, coalesce({is_date('value')}, false) "
            f"FROM (SELECT line, unnest([{listed}]) AS value, unnest(range({len(some)})) AS place FROM head) "
            "WHERE value IS NOT NULL GROUP BY place, value ORDER BY place, value"
        )
        place, *arrays = db.fetchnumpy().values()
        ends = np.searchsorted(place, np.arange(len(some) + 1))
        filled = [np.ma.filled(a, np.nan) if a.dtype == np.float64 else np.asarray(a) for a in arrays]
        for k in range(len(some)):
            yield _Values(*(array[ends[k] : ends[k + 1]] for array in filled))


def _facts(name: str, counted: _Values) -> Facts:
    blank = counted.test(lambda value: value.lower() in (*BLANKS, *DOUBTFUL))
    rest = counted.where(~blank)
    if (_bits(rest), _kind(rest)) == (None, None):
        blank = counted.test(lambda value: value.lower() in BLANKS)
    found = Facts(name, blanks=tuple(sorted(counted.value[blank])))
    counted = counted.where(~blank)
    kind, bits = _kind(counted), _bits(counted)
    if bits is not None:
        ones = counted.count(counted.value == bits[1])
        found = replace(found, bits=bits, ones=ones, odd_bits=_odd(counted, ~counted.test(bits.__contains__)))
    if kind is not None:
        masks = {"time": counted.is_date, "integer": counted.is_whole}
        fits = masks.get(kind, counted.is_number)
        found = replace(found, kind=kind, odd=_odd(counted, ~fits))
        counted = counted.where(fits)
        if kind == "time":
            return _described(counted, replace(found, clock="date"))
        form = POINTS if kind == "number" and _has_pointed_thousands(counted) else ""
        return _described(counted, _timed(counted, replace(found, form=form)))
    mixed = 2 * counted.count(counted.is_number) > counted.rows.sum()
    odd = _odd(counted, ~counted.is_number) if mixed else None
    return _described(counted, replace(found, odd=odd, form=_form(counted), parts=_parts(counted, PARTS)))


def _related(db: duckdb.DuckDBPyConnection, known: Sequence[Facts]) -> list[Facts]:
    """Return the facts with the relations of binary columns: `blank_where` and `only_where`."""
    completed, places = list(known), [n for n, facts in enumerate(known) if facts.bits is not None]
    if len(places) < 2:
        return completed
    codes = []
    for n in places:
        low, high = map(literal, known[n].bits or ())
        blank = "".join(f" WHEN {literal(text)} THEN 2" for text in known[n].blanks)
        codes.append(f"CASE c{n} WHEN {low} THEN 0 WHEN {high} THEN 1{blank} ELSE if(c{n} IS NULL, 2, 3) END")
    chosen = ", ".join(f"CAST({sql} AS UTINYINT) AS c{n}" for n, sql in zip(places, codes, strict=True))
    rows = np.stack(
        [np.asarray(held) for held in db.execute(f"SELECT {chosen} FROM head").fetchnumpy().values()]
    )
    low_in: dict[bytes, list[int]] = {}
    for place, held in zip(places, rows, strict=True):
        low_in.setdefault((held == 0).tobytes(), []).append(place)
    ones = (rows == 1).astype(np.float32)
    both = ones @ ones.T
    count = both.diagonal()
    for k, place in enumerate(places):
        others = low_in.get((rows[k] == 2).tobytes(), ())
        where = next((known[n].name for n in others if known[n].rows > known[place].rows), "")
        by_chance = (count / rows.shape[1]) ** count[k]
        fit = np.flatnonzero((both[k] == count[k]) & (count > count[k]) & (by_chance < 1e-3))
        names = [known[places[n]].name for n in fit[np.argsort(count[fit], kind="stable")]]
        completed[place] = replace(completed[place], blank_where=where, only_where=tuple(names))
    return completed


def _described(counted: _Values, facts: Facts) -> Facts:
    """Return the facts with the figures of values."""
    if not len(counted.value):
        return facts
    odd = facts.odd.rows if facts.odd is not None and facts.kind != "text" else 0
    numbers = counted.count(counted.is_number)
    order = np.argsort(counted.number, kind="stable")  # numbers before texts, equal ones by their text
    first, last = order[0], order[numbers and np.count_nonzero(counted.is_number) - 1]
    if not numbers:
        first, last = 0, -1
    total = counted.rows.sum()
    return replace(
        facts,
        rows=int(total) + odd,
        values=len(counted.value),
        single=int(np.count_nonzero(counted.rows == 1)),
        numbers=numbers,
        example=counted.value[counted.rows.argmax()],
        few=tuple(counted.value) if len(counted.value) <= 5 else (),
        low=counted.value[first],
        high=counted.value[last],
        mean=float(np.nansum(counted.number * counted.rows) / total),
        padded=counted.count(counted.test(re.compile("[+-]?0[0-9]+").fullmatch)),
    )


def _timed(counted: _Values, facts: Facts) -> Facts:
    """Return the facts about numbers with the way in which they tell a time."""
    number, units = counted.number, (1, 1e3, 1e6, 1e9)
    ways: list[tuple[Clock, Mask]] = [  # from 1990 to 2040
        ("seconds", (number >= 631_152_000 * unit) & (number < 2_208_988_800 * unit)) for unit in units
    ]
    ways.append(("calendar", (number >= EARLIEST_DATE) & (number <= LATEST_DATE)))
    for clock, fits in ways:
        if fits.any() and _nearly(counted.count(fits), int(counted.rows.sum())):
            return replace(facts, clock=clock, odd_clock=_odd(counted, ~fits))
    return facts


def _kind(counted: _Values) -> Kind | None:
    """Return the kind that nearly all values have; None for texts."""
    total, numbers = int(counted.rows.sum()), counted.count(counted.is_number)
    if not total:
        return None
    if _nearly(numbers, total):
        return "integer" if counted.count(counted.is_whole) == numbers else "number"
    return "time" if _nearly(counted.count(counted.is_date), total) else None


def _bits(counted: _Values) -> tuple[str, str] | None:
    """Return the lower and the higher value of a binary column, which nearly all of its rows hold."""
    most = np.argsort(-counted.rows, kind="stable")[:2]
    if len(most) < 2 or not _nearly(int(counted.rows[most].sum()), int(counted.rows.sum())):
        return None
    low, high = sorted(counted.value[most])
    if (low, high) in (("0", "1"), ("0.0", "1.0"), ("-1", "1"), ("-1.0", "1.0")):
        return low, high
    return next((pair for pair in ((low, high), (high, low)) if tuple(map(str.lower, pair)) in WORDS), None)


def _form(counted: _Values) -> str:
    """Return the first of `FORMS` that all but few of the texts have, where others are numbers."""
    total = int(counted.rows.sum())
    for form, pattern in FORMS.items():
        matches = counted.test(re.compile(pattern).fullmatch)
        if matches.any() and _nearly(counted.count(counted.is_number | matches), total):
            return form
    return ""


def _has_pointed_thousands(counted: _Values) -> bool:
    """Return whether numbers such as 950 and 1.250 are whole, since all points stand before three digits.

    Fractions of three digits would also have points below 1,000, and zeros before them.
    """
    pointed = counted.test(re.compile(FORMS[POINTS]).fullmatch)
    short = counted.test(re.compile("[+-]?[0-9]{1,3}").fullmatch)
    others = counted.count(~pointed)
    return 0 < others == counted.count(short) and counted.count(pointed) >= 20


def _nearly(rows: int, total: int) -> bool:
    """Return whether some rows are nearly all rows: of 20 rows and more, all but 1 % and at most 100."""
    odd = total - rows
    return not odd or (total >= 20 and odd <= max(1, min(0.01 * total, 100)))


def _odd(counted: _Values, mask: Mask) -> Odd | None:
    """Return the values that pass a test."""
    if not mask.any():
        return None
    some = counted.where(mask)
    first = some.line.argmin()
    return Odd(int(some.rows.sum()), int(some.line[first]), some.value[first])


def _parts(counted: _Values, looks: Mapping[str, str], always: bool = False) -> dict[str, Parts]:
    known = {}
    for separator, look in looks.items():
        rows_with = counted.count(np.array([separator in value for value in counted.value], bool))
        if not rows_with and not always:
            continue
        parts: Counter[str] = Counter()
        for value, rows in zip(counted.value, counted.rows.tolist(), strict=True):
            for part in map(str.strip, value.split(separator)):
                parts[part] += rows
        del parts[""]
        if all(map(re.compile(look).fullmatch, parts)):
            known[separator] = Parts(rows_with, parts.total(), len(parts))
    return known
