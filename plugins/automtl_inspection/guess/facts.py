"""Facts about a column in the first rows of a table."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from automtl_core.fields.encode import EARLIEST_DATE, LATEST_DATE
from automtl_core.raw.sql import date_of, is_number, literal, whole

FEW = 20
"""Integer columns with up to this number of distinct values are categorical."""
CHANCE = 0.001
"""Probability that an amount of a table is taken for codes where a binary column is independent of it."""
PARTS = dict.fromkeys(("|", ";", ","), r"[^\[\](){}\"'']*") | {" ": r"[\w '-]+"}
"""Separator of multi-valued texts -> pattern of these texts."""
LIST = "|"
"""Separator for the values of a list."""
BLANKS = ("\\n", "nan", "nat", "null", "(null)", "<na>", "#n/a", "n/a", "undefined")
"""Texts in lower case that are blanks in any column."""
DOUBTFUL = ("", "na", "none", "nil", "-", "--", "?", ".")
"""Texts in lower case that are blanks among numbers, and may be values among other texts."""
WORDS = (
    ("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"), ("off", "on"), ("nein", "ja"), ("nee", "ja"),
    ("nej", "ja"), ("non", "oui"), ("no", "si"), ("no", "sí"), ("não", "sim"), ("nie", "tak"), ("нет", "да"),
    ("否", "是"),
)  # fmt: skip
"""Lower and higher values of binary columns of texts, in lower case."""
POINTS = "numbers with points as thousands separators: write them without"
DATES = "dates in this form are not read: write them as 2024-01-31 or 2024-01-31 23:59:59"
AMOUNT = r"[+-]?[0-9]+([.,][0-9]+)*"
FORMS = {
    "numbers with thousands separators: write them without":
    r"[+-]?[0-9]{1,3}((,[0-9]{3})+(\.[0-9]+)?|( [0-9]{3})+([.,][0-9]+)?)",
    "numbers with decimal commas: write them with points": r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+",
    POINTS: r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+",
    DATES: r"([0-9]{1,2}[./-][0-9]{1,2}[./-](19|20)[0-9]{2}|(19|20)[0-9]{2}\.[0-9]{1,2}\.[0-9]{1,2})"
    r"([ T,]+[0-9]{1,2}[:.][0-9]{2}.*)?",
    "numbers with units: write them without": rf"[$€£¥] ?{AMOUNT}|{AMOUNT} ?[$€£¥%]",
}  # fmt: skip
"""Ways to write numbers and dates that are not read as such, with the remedy -> pattern."""
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
    unit: str = ""
    """Unit of a time in numbers of seconds, milli-, micro- or nanoseconds: s, ms, us or ns."""
    mixed: str = ""
    """Values of each form of time, where nearly all values tell a time and no form is that of nearly all."""
    unlike: Odd | None = None
    """Numbers not written as whole ones, such as 7.5 and 7e0, where nine of ten are whole."""
    blank_where: str = ""
    """Binary column that holds its lower value in exactly those rows where this column is blank, if there is
    one."""
    only_where: Sequence[str] = ()
    """Binary columns that hold their higher value in all rows where this column does, and in more; those with
    the fewest such rows first."""
    jumps: str = ""
    """Binary column whose mean differs between neighbouring integers by more than chance, as for codes."""
    panel: Literal["", "unit", "period"] = ""
    """Whether it holds the units or the periods of a panel, where nearly each unit has one row a period; a
    period alone, such as a year, if the rows are in its order."""
    of_user: bool = False
    """Whether nearly each user has one value: it says nothing about an earlier row of the user."""
    together: str = ""
    """What the rows of a value have in common if they form a list, in words; empty if they form none."""

    @property
    def ordered(self) -> bool:
        """Whether the column tells in which order rows happened."""
        return bool(self.clock or self.panel == "period")


@dataclass(frozen=True)
class Glimpse:
    """The inferred format of a table, with facts about its columns."""

    folder: Path
    """Absolute path of the folder of its files."""
    pattern: str
    """Pattern of the file names in the folder."""
    parquet: bool
    separator: str
    header: bool
    """Whether the first line holds column names; without it, columns are called c1, c2 and so on."""
    seen: int
    """Number of rows that were read."""
    rows: int
    """Rows of all files; estimated from file sizes unless all rows were read."""
    columns: Sequence[Facts]
    encoding: str = ""
    """Encoding of rows that are not UTF-8; empty if there are none, or few."""
    faulty: int = 0
    """Number of faulty rows among those that were read."""
    fault: str = ""
    """The first of these faults, with its place."""


def facts_of(db: duckdb.DuckDBPyConnection, columns: Sequence[Facts]) -> list[Facts]:
    """Return the facts about the columns of the table `head`, in order.

    Args:
        db: Database with the table, whose columns are c0, c1 and so on, and `line`.
        columns: What is known of them: their names, and the kind of lists, whose texts are joined by `LIST`,
            and of nested values, which are not read.

    """
    counted = zip(columns, _counted(db, len(columns)), strict=True)
    return _related(db, [_facts(column, values) for column, values in counted])


def _counted(db: duckdb.DuckDBPyConnection, columns: int) -> Iterator[pd.DataFrame]:
    """Yield the distinct values of each column of `head`, by few queries: each is planned over all columns.

    Columns: `value`; `rows`, the number of rows with it; `line`, that of the first of them; `number`, the
    number that it writes, else NaN; `is_whole`; and `date`, the seconds of a date, else NaN.
    """
    rows = db.execute("SELECT count(*) FROM head").fetchall()[0][0]
    block = max(1, 2_000_000 // max(1, rows))  # some two million values are counted together
    for start in range(0, columns, block):
        some = range(start, min(start + block, columns))
        listed = ", ".join(f"c{n}" for n in some)
        counted = db.execute(
            "SELECT place, value, count(*) AS rows, min(line) AS line, "
            f"CASE WHEN {is_number('value')} THEN CAST(value AS DOUBLE) END AS number, "
            f"{whole('value')} IS NOT NULL AS is_whole, epoch({date_of('value')}) AS date "
            f"FROM (SELECT line, unnest([{listed}]) AS value, unnest(range({len(some)})) AS place FROM head) "
            "WHERE value IS NOT NULL GROUP BY place, value ORDER BY place, value"
        ).df()
        ends = np.searchsorted(counted["place"], np.arange(len(some) + 1))
        yield from (counted.iloc[ends[k] : ends[k + 1]] for k in range(len(some)))


def _rows(values: pd.DataFrame, mask: Any = None) -> int:
    """Return the number of rows of some values, or of those that pass a test."""
    return int(values["rows"].sum() if mask is None else values["rows"][mask].sum())


def _matches(values: pd.DataFrame, pattern: str) -> NDArray[np.bool_]:
    """Return the mask of the values that match a pattern as a whole."""
    fits = map(re.compile(pattern).fullmatch, values["value"])
    return np.fromiter(map(bool, fits), bool, len(values))


def _facts(facts: Facts, values: pd.DataFrame) -> Facts:
    if facts.kind in ("nested", "list"):
        parts = _parts(values, {LIST: ".*"}) if facts.kind == "list" else {}
        return _described(values, replace(facts, parts=parts))
    lower = values["value"].str.strip().str.lower()
    blank = lower.isin((*BLANKS, *DOUBTFUL))
    rest = values[~blank]
    if (_bits(rest), _kind(rest)) == (None, None):
        blank = lower.isin(BLANKS)
    facts = replace(facts, blanks=tuple(sorted(values["value"][blank])))
    values = values[~blank]
    kind, bits = _kind(values), _bits(values)
    is_number = values["number"].notna()
    if bits is not None:
        ones, others = _rows(values, values["value"] == bits[1]), ~values["value"].isin(bits)
        facts = replace(facts, bits=bits, ones=ones, odd_bits=_odd(values, others))
    if kind is None:
        odd = _odd(values, ~is_number) if 2 * _rows(values, is_number) > _rows(values) else None
        facts = replace(facts, odd=odd, form=_form(values), parts=_parts(values, PARTS))
        return _described(values, _timed(values, facts))
    fits = {"time": values["date"].notna(), "integer": values["is_whole"]}.get(kind, is_number)
    facts = replace(facts, kind=kind, odd=_odd(values, ~fits))
    values = values[fits]
    if kind == "number" and _rows(values, values["number"] % 1 == 0) >= 0.9 * _rows(values):
        facts = replace(facts, unlike=_odd(values, ~_matches(values, r"[+-]?[0-9]+(\.0*)?")))
    form = POINTS if kind == "number" and _has_pointed_thousands(values) else ""
    return _described(values, _timed(values, replace(facts, form=form)))


def _related(db: duckdb.DuckDBPyConnection, known: Sequence[Facts]) -> list[Facts]:
    """Return the facts with the relations to binary columns: `blank_where`, `only_where` and `jumps`."""
    completed, places = list(known), [n for n, facts in enumerate(known) if facts.bits is not None]
    if not places:
        return completed
    codes = []
    for n in places:
        listed = ", ".join(map(literal, (*(known[n].bits or ()), *known[n].blanks)))
        code = f"if(c{n} IS NULL, 3, least(3, coalesce(list_position([{listed}], c{n}), 0)))"
        codes.append(f"CAST({code} AS UTINYINT) AS c{n}")
    # 0 for other values, 1 for the lower and 2 for the higher one, 3 for blanks
    rows = db.execute(f"SELECT {', '.join(codes)} FROM head").df().to_numpy().T
    low_in: dict[bytes, list[int]] = {}
    for place, held in zip(places, rows, strict=True):
        low_in.setdefault((held == 1).tobytes(), []).append(place)
    ones = (rows == 2).astype(np.float32)
    both = ones @ ones.T
    count = both.diagonal()
    for k, place in enumerate(places):
        others = low_in.get((rows[k] > 2).tobytes(), ())
        where = next((known[n].name for n in others if known[n].rows > known[place].rows), "")
        by_chance = (count / rows.shape[1]) ** count[k]
        fit = np.flatnonzero((both[k] == count[k]) & (count > count[k]) & (by_chance < 1e-3))
        names = [known[places[n]].name for n in fit[np.argsort(count[fit], kind="stable")]]
        completed[place] = replace(completed[place], blank_where=where, only_where=tuple(names))
    repeated = (f.kind == "integer" and FEW < f.values < f.rows / 4 for f in known)
    integers = np.flatnonzero([*repeated])
    looks = len(integers) * len(places)
    for n in integers.tolist():
        x = db.execute(f"SELECT TRY_CAST(c{n} AS DOUBLE) AS x FROM head").df()["x"].to_numpy()
        pairs = zip(places, rows, strict=True)
        jumps = (known[place].name for place, held in pairs if _jumps(x, held, looks))
        completed[n] = replace(known[n], jumps=next(jumps, ""))
    return completed


def _jumps(x: NDArray[Any], held: NDArray[Any], looks: int) -> bool:
    """Return whether a mean jumps between integers in both halves of rows, beyond chance in so many looks."""
    some = np.flatnonzero(~np.isnan(x) & ((held == 1) | (held == 2)))
    values, place = np.unique(x[some], return_inverse=True)
    cells, size = place + len(values) * (some % 2), 2 * len(values)
    n, ones = (np.bincount(cells, of, size).reshape(2, -1) for of in (None, held[some] == 2))
    around = n[:, :-2] + n[:, 2:]
    known = np.minimum(n[:, 1:-1], around).min(0) > 0
    near = (ones[:, :-2] + ones[:, 2:])[:, known] / around[:, known]
    first, second = ones[:, 1:-1][:, known] / n[:, 1:-1][:, known] - near
    # Frequent values do not decide alone.
    both = first * second / (1 + 20 / n[:, 1:-1].sum(0)[known])
    return bool(both.sum() > -ndtri(CHANCE / looks) * np.sqrt((both**2).sum()) > 0)


def _described(values: pd.DataFrame, facts: Facts) -> Facts:
    """Return the facts with the figures of values."""
    if not len(values):
        return facts
    odd = facts.odd.rows if facts.odd is not None and facts.kind != "text" else 0
    number, texts = values["number"], values["value"]
    key = "date" if facts.kind == "time" else "number"
    in_order = values.sort_values(key, kind="stable")["value"]  # equal ones by their text, texts last
    known = in_order[: values[key].count() or None]
    return replace(
        facts,
        rows=_rows(values) + odd,
        values=len(values),
        single=int((values["rows"] == 1).sum()),
        numbers=_rows(values, number.notna()),
        example=texts.iloc[values["rows"].to_numpy().argmax()],
        few=tuple(texts) if len(texts) <= 5 else (),
        low=known.iloc[0],
        high=known.iloc[-1],
        mean=float((number * values["rows"]).sum() / _rows(values)),
        padded=_rows(values, _matches(values, "[+-]?0[0-9]+")),
    )


def _timed(values: pd.DataFrame, facts: Facts) -> Facts:
    """Return the facts with the way in which values tell a time, which in seconds is from 1990 to 2040."""
    number, is_date = values["number"], values["date"].notna()
    units = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
    ways: list[tuple[Clock, str, Any]] = [
        ("seconds", name, ((631_152_000 * unit) <= number) & (number < 2_208_988_800 * unit))
        for name, unit in units.items()
    ]
    ways += [("calendar", "", number.between(EARLIEST_DATE, LATEST_DATE)), ("date", "", is_date)]
    for clock, unit, fits in ways:
        if fits.any() and nearly(_rows(values, fits), _rows(values)):
            return replace(facts, clock=clock, odd_clock=_odd(values, ~fits), unit=unit)
    forms = [fits for *_, fits in ways if fits.any()]
    if forms and (other := _matches(values, FORMS[DATES])).any():
        forms.append(other)
    if len(forms) > 1 and nearly(_rows(values, np.any(forms, axis=0)), _rows(values)):
        return replace(facts, mixed=" and ".join(values["value"][fits].iloc[0] for fits in forms))
    return facts


def _kind(values: pd.DataFrame) -> Kind | None:
    """Return the kind that nearly all values have; None for texts."""
    total, numbers = _rows(values), _rows(values, values["number"].notna())
    if not total:
        return None
    if nearly(numbers, total):
        return "integer" if _rows(values, values["is_whole"]) == numbers else "number"
    return "time" if nearly(_rows(values, values["date"].notna()), total) else None


def _bits(values: pd.DataFrame) -> tuple[str, str] | None:
    """Return the lower and the higher value of a binary column, which nearly all of its rows hold."""
    most = values.sort_values("rows", ascending=False, kind="stable")[:2]
    if len(most) < 2 or not nearly(_rows(most), _rows(values)):
        return None
    low, high = sorted(most["value"])
    if (low, high) in (("0", "1"), ("0.0", "1.0"), ("-1", "1"), ("-1.0", "1.0")):
        return low, high
    return next((pair for pair in ((low, high), (high, low)) if tuple(map(str.lower, pair)) in WORDS), None)


def _form(values: pd.DataFrame) -> str:
    """Return the first of `FORMS` that all but few of the texts have, where others are numbers."""
    for form, pattern in FORMS.items():
        fits = _matches(values, pattern)
        if fits.any() and nearly(_rows(values, values["number"].notna() | fits), _rows(values)):
            return form
    return ""


def _has_pointed_thousands(values: pd.DataFrame) -> bool:
    """Return whether numbers such as 950 and 1.250 are whole, since all points stand before three digits.

    Fractions of three digits would also have points below 1,000, and zeros before them.
    """
    pointed = _matches(values, FORMS[POINTS])
    others = _rows(values, ~pointed)
    return 0 < others == _rows(values, _matches(values, "[+-]?[0-9]{1,3}")) and _rows(values, pointed) >= 20


def nearly(rows: int, total: int) -> bool:
    """Return whether some rows are nearly all rows: of 20 rows and more, all but 1 % and at most 100."""
    odd = total - rows
    return not odd or (total >= 20 and 0 <= odd <= max(1, min(0.01 * total, 100)))


def _odd(values: pd.DataFrame, mask: Any) -> Odd | None:
    """Return the values that pass a test."""
    some = values[mask]
    if not len(some):
        return None
    first = some.iloc[some["line"].to_numpy().argmin()]
    return Odd(_rows(some), int(first["line"]), str(first["value"]))


def _parts(values: pd.DataFrame, forms: Mapping[str, str]) -> dict[str, Parts]:
    """Return the values that separators split texts into, where nearly all texts with one have its form."""
    known = {}
    for separator, form in forms.items():
        has = values["value"].str.contains(separator, regex=False)
        fits = _rows(values[has], _matches(values[has], form))
        if (not has.any() and forms is PARTS) or not nearly(fits, _rows(values, has)):
            continue
        parts: Counter[str] = Counter()
        for value, rows in zip(values["value"], values["rows"].tolist(), strict=True):
            for part in map(str.strip, value.split(separator)):
                parts[part] += rows
        del parts[""]
        known[separator] = Parts(_rows(values, has), parts.total(), len(parts))
    return known
