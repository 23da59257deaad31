"""Facts about a column in the first rows of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import duckdb

from automtl_core.data.raw.sql import literal

FEW = 5
"""Largest number of distinct values that are all in the facts of a column."""
PARTS = dict.fromkeys(("|", ";", ","), r"[^\[\](){}\"'']*") | {" ": "[0-9]+"}
"""Separator of multi-valued texts -> pattern of the separated values."""

LIST = "|"
"""Separator for the values of a list."""

Kind = Literal["integer", "number", "time", "text", "list", "nested"]
"""The narrowest type that fits all values of a column; a list holds plain values, any deeper type is
`nested`."""


class Parts(NamedTuple):
    """The values that a separator splits the texts of a column into."""

    rows: int
    """Rows that contain the separator."""
    parts: int
    """Number of values in all rows."""
    values: int
    """Number of distinct values."""


@dataclass(frozen=True)
class Facts:
    """Facts about a column in the first rows of a table."""

    name: str
    kind: Kind = "text"
    rows: int = 0
    """Rows with a value; the others are blank."""
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
    blank_where: str = ""
    """Binary column that holds its lower value in exactly those rows where this column is blank, if there is
    one."""


def facts_of(db: duckdb.DuckDBPyConnection, name: str, column: str, lists: bool = False) -> Facts:
    """Return the facts about a column of the table `head`.

    Args:
        db: Database with the table.
        name: Name of the column in its file.
        column: Name of the column in the table.
        lists: Whether its texts are lists, joined by `LIST`.

    """
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE counted AS SELECT {column} AS value, count(*) AS n, "
        f"TRY_CAST({column} AS BIGINT) AS whole, TRY_CAST({column} AS DOUBLE) AS any_number, "
        "CASE WHEN isfinite(any_number) THEN any_number END AS number "
        f"FROM head WHERE {column} IS NOT NULL GROUP BY {column}"
    )
    known = db.execute(
        "SELECT sum(n), count(*), count(*) FILTER (n = 1), sum(n) FILTER (number IS NOT NULL), "
        "first(value ORDER BY n DESC, value), min(value, ?), "
        "first(value ORDER BY number, value), last(value ORDER BY number, value), sum(n * number) / sum(n), "
        "bool_and(CAST(whole AS VARCHAR) IS NOT DISTINCT FROM value), "
        "bool_and(TRY_CAST(value AS TIMESTAMP) IS NOT NULL) FROM counted",
        [FEW],
    ).fetchall()[0]
    total, values, single, numbers, example, few, low, high, mean, integers, times = known
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


def blank_where(db: duckdb.DuckDBPyConnection, known: Sequence[Facts]) -> list[Facts]:
    """Return the facts with `blank_where` for binary columns that are blank in some rows.

    Args:
        db: Database with the table `head`, whose columns are c0, c1 and so on.
        known: Facts of all columns, in order.

    """
    bits = {n: facts for n, facts in enumerate(known) if facts.values == 2 and facts.kind != "nested"}
    completed = list(known)
    for n, facts in bits.items():
        others = [k for k, other in bits.items() if other.rows > facts.rows]
        tests = [
            f"bool_and((c{n} IS NULL) = (c{k} IS NOT DISTINCT FROM {literal(bits[k].few[0])}))"
            for k in others
        ]
        if tests:
            same = db.execute(f"SELECT {', '.join(tests)} FROM head").fetchall()[0]
            names = [bits[k].name for k, alike in zip(others, same, strict=True) if alike]
            completed[n] = replace(facts, blank_where=next(iter(names), ""))
    return completed


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
