"""Facts about a column in the first rows of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import duckdb
import numpy as np

from automtl_core.data.raw.sql import is_date, literal

FEW = 5
"""Largest number of distinct values that are all in the facts of a column."""
PARTS = dict.fromkeys(("|", ";", ","), r"[^\[\](){}\"'']*") | {" ": "[0-9]+"}
"""Separator of multi-valued texts -> pattern of the separated values."""
LIST = "|"
"""Separator for the values of a list."""
ODD, LEAST = 0.01, 20
"""Largest share of rows with values of another kind than nearly all others; and least number of rows for
which one such row is one of few."""
MOST_ODD = 100
"""Largest number of rows with such values."""
MOST_BITS = 200
"""Largest number of binary columns that are compared with each other."""
BLANKS = ("\\n", "nan", "nat", "null", "(null)", "<na>", "#n/a", "n/a", "undefined")
"""Texts in lower case that are blanks in any column."""
DOUBTFUL = ("na", "none", "nil", "-", "--", "?", ".")
"""Texts in lower case that are blanks among numbers, and may be values among other texts."""
PAIRS = (("0", "1"), ("0.0", "1.0"), ("-1", "1"), ("-1.0", "1.0"))
"""Lower and higher values of binary columns of numbers."""
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
CHANCE = 1e-3
"""Largest probability of an order of two labels that has no cause."""

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
    """All values, if there are few."""
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
    blank_where: str = ""
    """Binary column that holds its lower value in exactly those rows where this column is blank, if there is
    one."""
    only_where: Sequence[str] = ()
    """Binary columns that hold their higher value in all rows where this column does, and in more; those with
    the fewest such rows first."""


def facts_of(db: duckdb.DuckDBPyConnection, name: str, column: str, lists: bool = False) -> Facts:
    """Return the facts about a column of the table `head`.

    Args:
        db: Database with the table, which has a column `line`. Texts that are blanks become null in it.
        name: Name of the column in its file.
        column: Name of the column in the table.
        lists: Whether its texts are lists, joined by `LIST`.

    """
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE counted AS SELECT {column} AS value, count(*) AS n, "
        "min(line) AS line, TRY_CAST(value AS BIGINT) AS whole, TRY_CAST(value AS DOUBLE) AS any_number, "
        "CASE WHEN isfinite(any_number) THEN any_number END AS number, "
        "CAST(whole AS VARCHAR) IS NOT DISTINCT FROM value AS is_whole, "
        f"number IS NOT NULL AS is_number, {is_date('value')} AS is_date "
        f"FROM head WHERE {column} IS NOT NULL GROUP BY {column}"
    )
    if lists:
        return _described(db, Facts(name, "list", parts=_parts(db, {LIST: ".*"}, always=True)))
    common = _bits(db), _kind(db, (*BLANKS, *DOUBTFUL))
    texts = BLANKS if common == (None, None) else (*BLANKS, *DOUBTFUL)
    blanks = db.execute(f"DELETE FROM counted WHERE {_among(texts)} RETURNING value").fetchall()
    found = Facts(name, blanks=tuple(sorted(text for (text,) in blanks)))
    if blanks:
        db.execute(
            f"UPDATE head SET {column} = NULL WHERE {column} IN (SELECT unnest(?))", [list(found.blanks)]
        )
    kind, bits = _kind(db), _bits(db)
    if bits is not None:
        low, high = bits
        ones = _sum(db, f"value = {literal(high)}")
        found = replace(found, bits=bits, ones=ones, odd_bits=_odd(db, f"value NOT IN ('{low}', '{high}')"))
    if kind is not None:
        odd = _odd(db, f"NOT {_TESTS[kind]}")
        db.execute(f"DELETE FROM counted WHERE NOT {_TESTS[kind]}")
        form = POINTS if kind == "number" and _has_pointed_thousands(db) else ""
        return _described(db, replace(found, kind=kind, odd=odd, form=form))
    mixed = 2 * _sum(db, "is_number") > _sum(db, "true")
    odd = _odd(db, "NOT is_number") if mixed else None
    return _described(db, replace(found, odd=odd, form=_form(db), parts=_parts(db, PARTS)))


def related(db: duckdb.DuckDBPyConnection, known: Sequence[Facts]) -> list[Facts]:
    """Return the facts with the relations of binary columns: `blank_where` and `only_where`.

    Args:
        db: Database with the table `head`, whose columns are c0, c1 and so on.
        known: Facts of all columns, in order.

    """
    bits = {n: facts.bits for n, facts in enumerate(known) if facts.bits is not None}
    completed = list(known)
    for n in bits:
        others = [k for k in bits if known[k].rows > known[n].rows]
        tests = [
            f"bool_and((c{n} IS NULL) = (c{k} IS NOT DISTINCT FROM {literal(bits[k][0])}))" for k in others
        ]
        if tests:
            same = db.execute(f"SELECT {', '.join(tests)} FROM head").fetchall()[0]
            names = [known[k].name for k, alike in zip(others, same, strict=True) if alike]
            completed[n] = replace(completed[n], blank_where=next(iter(names), ""))
    if not 1 < len(bits) <= MOST_BITS:
        return completed
    ones = [f"c{n} IS NOT DISTINCT FROM {literal(high)} AS c{n}" for n, (_, high) in bits.items()]
    held = db.execute(f"SELECT {', '.join(ones)} FROM head").fetchnumpy()
    rows = np.stack([np.asarray(held[f"c{n}"], np.float32) for n in bits], axis=1)
    both, places = rows.T @ rows, list(bits)
    count = both.diagonal()
    for n, place in enumerate(places):
        by_chance = (count / len(rows)) ** count[n]
        fit = np.flatnonzero((both[n] == count[n]) & (count > count[n]) & (by_chance < CHANCE))
        names = [known[places[k]].name for k in fit[np.argsort(count[fit], kind="stable")]]
        completed[place] = replace(completed[place], only_where=tuple(names))
    return completed


_TESTS: Mapping[Kind, str] = {"integer": "is_whole", "number": "is_number", "time": "is_date"}


def _described(db: duckdb.DuckDBPyConnection, facts: Facts) -> Facts:
    """Return the facts with the figures of the values that `counted` holds."""
    total, values, single, numbers, example, few, low, high, mean, padded = db.execute(
        "SELECT sum(n), count(*), count(*) FILTER (n = 1), sum(n) FILTER (is_number), "
        "first(value ORDER BY n DESC, value), min(value, ?), "
        "first(value ORDER BY number, value), last(value ORDER BY number, value), sum(n * number) / sum(n), "
        "sum(n) FILTER (regexp_full_match(value, '[+-]?0[0-9]+')) FROM counted",
        [FEW],
    ).fetchall()[0]
    odd = facts.odd.rows if facts.odd is not None and facts.kind != "text" else 0
    if not values:
        return facts
    return replace(
        facts,
        rows=int(total) + odd,
        values=values,
        single=single,
        numbers=int(numbers or 0),
        example=example,
        few=tuple(sorted(few)) if values <= FEW else (),
        low=low,
        high=high,
        mean=mean or 0.0,
        padded=int(padded or 0),
    )


def _kind(db: duckdb.DuckDBPyConnection, without: Sequence[str] = ()) -> Kind | None:
    """Return the kind that nearly all values of `counted` have, without some texts; None for texts."""
    kept = f"NOT {_among(without)}"
    total, whole, numbers, dates = (
        _sum(db, f"{kept} AND {test}") for test in ("true", "is_whole", "is_number", "is_date")
    )
    if not total:
        return None
    if _nearly(numbers, total):
        return "integer" if whole == numbers else "number"
    return "time" if _nearly(dates, total) else None


def _bits(db: duckdb.DuckDBPyConnection) -> tuple[str, str] | None:
    """Return the lower and the higher value of a binary column, which nearly all of its rows hold."""
    kept = f"NOT {_among((*BLANKS, *DOUBTFUL))}"
    most = db.execute(f"SELECT value, n FROM counted WHERE {kept} ORDER BY n DESC, value LIMIT 2").fetchall()
    if len(most) < 2 or not _nearly(sum(n for _, n in most), _sum(db, kept)):
        return None
    low, high = sorted(value for value, _ in most)
    if (low, high) in PAIRS:
        return low, high
    return next((pair for pair in ((low, high), (high, low)) if tuple(map(str.lower, pair)) in WORDS), None)


def _form(db: duckdb.DuckDBPyConnection) -> str:
    """Return the first of `FORMS` that all but few of the texts have, where others are numbers."""
    total = _sum(db, "true")
    for form, pattern in FORMS.items():
        matches = f"regexp_full_match(value, {literal(pattern)})"
        if _sum(db, matches) and _nearly(_sum(db, f"(is_number OR {matches})"), total):
            return form
    return ""


def _has_pointed_thousands(db: duckdb.DuckDBPyConnection) -> bool:
    """Return whether numbers such as 950 and 1.250 are whole, since all points stand before three digits.

    Fractions of three digits would also have points below 1,000, and zeros before them.
    """
    pointed = f"regexp_full_match(value, {literal(FORMS[POINTS])})"
    others = _sum(db, f"NOT {pointed}")
    short = _sum(db, "regexp_full_match(value, '[+-]?[0-9]{1,3}')")
    return 0 < others == short and _sum(db, pointed) >= LEAST


def _nearly(rows: int, total: int) -> bool:
    """Return whether some rows are nearly all rows."""
    odd = total - rows
    return not odd or (total >= LEAST and odd <= max(1, min(ODD * total, MOST_ODD)))


def _odd(db: duckdb.DuckDBPyConnection, test: str) -> Odd | None:
    rows, line, value = db.execute(
        f"SELECT sum(n), min(line), arg_min(value, line) FROM counted WHERE {test}"
    ).fetchall()[0]
    return Odd(int(rows), int(line), value) if rows else None


def _sum(db: duckdb.DuckDBPyConnection, test: str) -> int:
    """Return the number of rows whose values pass a test."""
    return int(db.execute(f"SELECT coalesce(sum(n), 0) FROM counted WHERE {test}").fetchall()[0][0])


def _among(texts: Sequence[str]) -> str:
    """Return SQL for the test that a value is one of some texts in lower case."""
    return f"lower(value) IN ({', '.join(map(literal, texts))})" if texts else "false"


def _parts(db: duckdb.DuckDBPyConnection, looks: Mapping[str, str], always: bool = False) -> dict[str, Parts]:
    known = {}
    for separator, look in looks.items():
        sql = literal(separator)
        rows_with = db.execute(f"SELECT sum(n) FROM counted WHERE contains(value, {sql})").fetchall()[0][0]
        if not rows_with and not always:
            continue
        parts, values, sound = db.execute(
            f"SELECT sum(n), count(DISTINCT part), bool_and(regexp_full_match(part, '{look}')) "
            f"FROM (SELECT n, trim(unnest(string_split(value, {sql}))) AS part FROM counted) WHERE part <> ''"
        ).fetchall()[0]
        if sound:
            known[separator] = Parts(int(rows_with or 0), int(parts), values)
    return known
