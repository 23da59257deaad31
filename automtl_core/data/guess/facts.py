"""What the first rows of a table hold in a column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import duckdb

from automtl_core.data.raw.sql import literal

FEW = 5
"""Values of which all are told."""
PARTS = dict.fromkeys(("|", ";", ","), r"[^\[\](){}\"'']*") | {" ": "[0-9]+"}
"""What may separate the values that one value holds, and what these then look like."""

LIST = "|"
"""What the values of a list are joined by."""

Kind = Literal["integer", "number", "time", "text", "list", "nested"]
"""What all values of a column can be read as; lists hold plain values, else nested ones are not looked at."""


class Parts(NamedTuple):
    """What the texts of a column hold, if a separator takes them apart."""

    rows: int
    """Rows in which it stands."""
    parts: int
    """Parts in all rows."""
    values: int
    """Different parts."""


@dataclass(frozen=True)
class Facts:
    """What the first rows hold in a column."""

    name: str
    kind: Kind = "text"
    rows: int = 0
    """Rows with a value; the others are blank."""
    values: int = 0
    """Different values."""
    single: int = 0
    """Those that one row alone holds."""
    numbers: int = 0
    """Rows whose value is a number."""
    example: str = ""
    """The most frequent value."""
    few: Sequence[str] = ()
    """All values, if there are few."""
    low: str = ""
    """The smallest value; of a column of numbers, the smallest number."""
    high: str = ""
    mean: float = 0.0
    """Of the numbers."""
    parts: Mapping[str, Parts] = field(default_factory=dict)
    """Separator -> what it takes texts apart to."""
    blank_where: str = ""
    """Column of two values that holds the lower one exactly where this one is blank, if there is one."""


def facts_of(db: duckdb.DuckDBPyConnection, name: str, column: str, lists: bool = False) -> Facts:
    """Return what a column of the table `head` holds, which is called `name` in its file.

    Args:
        db: Holds the table.
        name: Of the column in its file.
        column: Its name in the table.
        lists: Whether its texts are lists, joined by `LIST`.

    """
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE counted AS SELECT {column} AS value, count(*) AS n, "
        f"TRY_CAST({column} AS BIGINT) AS whole, TRY_CAST({column} AS DOUBLE) AS any_number, "
        "CASE WHEN isfinite(any_number) THEN any_number END AS number "
        f"FROM head WHERE {column} IS NOT NULL GROUP BY {column}"
    )
    found = db.execute(
        "SELECT sum(n), count(*), count(*) FILTER (n = 1), sum(n) FILTER (number IS NOT NULL), "
        "first(value ORDER BY n DESC, value), min(value, ?), "
        "first(value ORDER BY number, value), last(value ORDER BY number, value), sum(n * number) / sum(n), "
        "bool_and(CAST(whole AS VARCHAR) IS NOT DISTINCT FROM value), "
        "bool_and(TRY_CAST(value AS TIMESTAMP) IS NOT NULL) FROM counted",
        [FEW],
    ).fetchall()[0]
    total, values, single, numbers, example, few, low, high, mean, integers, times = found
    if not values:
        return Facts(name)
    kind: Kind = "integer" if integers else "number" if numbers == total else "time" if times else "text"
    if lists:
        kind = "list"
    return Facts(
        name=name,
        kind=kind,
        rows=int(total),
        values=values,
        single=single,
        numbers=int(numbers or 0),
        example=example,
        few=tuple(sorted(few)) if values <= FEW else (),
        low=low,
        high=high,
        mean=mean or 0.0,
        parts=_parts(db, PARTS) if kind == "text" else _parts(db, {LIST: ".*"}, True) if lists else {},
    )


def blank_where(db: duckdb.DuckDBPyConnection, found: Sequence[Facts]) -> list[Facts]:
    """Return facts, of columns that are blank in part with the column that tells where.

    Args:
        db: Holds the table `head`, in columns c0, c1 and so on.
        found: Of all columns, in their order.

    """
    bits = {n: facts for n, facts in enumerate(found) if facts.values == 2 and facts.kind != "nested"}
    told = list(found)
    for n, facts in bits.items():
        others = [k for k, other in bits.items() if other.rows > facts.rows]
        tests = [
            f"bool_and((c{n} IS NULL) = (c{k} IS NOT DISTINCT FROM {literal(bits[k].few[0])}))"
            for k in others
        ]
        if tests:
            same = db.execute(f"SELECT {', '.join(tests)} FROM head").fetchall()[0]
            names = [bits[k].name for k, alike in zip(others, same, strict=True) if alike]
            told[n] = replace(facts, blank_where=next(iter(names), ""))
    return told


def _parts(db: duckdb.DuckDBPyConnection, looks: Mapping[str, str], always: bool = False) -> dict[str, Parts]:
    found = {}
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
            found[separator] = Parts(int(rows_with or 0), int(parts), values)
    return found
