"""Events that rows hold themselves, as lists."""

from collections.abc import Mapping

import duckdb

from automtl_core.data.event_log import OWNER, TIME, outcome_key
from automtl_core.data.prepare.event_codes import coded, event_table
from automtl_core.data.prepare.examples import list_key
from automtl_core.data.raw.sql import create, literal, numbered, own, quoted
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.history import History
from automtl_core.errors import DataError
from automtl_core.fields.encode import INTEGER

OUTCOME, AGES = "0, 1 and blanks", "numbers from 0 on"


def unnest(db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, name: str) -> None:
    """Create the table of the events that rows hold as lists, sorted by row, the earliest first.

    Raises:
        DataError: lists differ in length, or an entry is not as declared.

    """
    lists = {key: quoted(list_key(column)) for key, column in history.lists.items()}
    _check_lengths(db, history, lists, name)
    length = f"len({next(iter(lists.values()))})"
    blanks = ", ".join(map(literal, ("", *history.blanks)))
    entries = {
        key: f"unnest(list_transform({one}, lambda x: CASE WHEN x NOT IN ({blanks}) THEN x END))"
        for key, one in lists.items()
    }
    for field in history.facts.integers if history.facts else ():
        _check_integers(db, history, field, lists[field], blanks, name)
        entries[field] = f"CAST(regexp_extract({entries[field]}, '^-?[0-9]+') AS BIGINT)"
    chosen = ", ".join(f"{value} AS {quoted(key)}" for key, value in entries.items())
    place, last = own("place"), own("last")
    positions = f"unnest(range(1, {length} + 1)) AS {place}, {length} AS {last}"
    rows = f"SELECT {own('row')} AS {OWNER}, {positions}, {chosen} FROM {numbered('examples')}"
    latest = f"SELECT * FROM ({rows}) WHERE {place} > {last} - {history.length}"
    create(db, f"log of {history.name}", db.sql(latest))
    table = coded(db, dataset, history, history.shared, "")
    _check_numbers(db, history, table, name)
    ages = history.age in lists
    time = f"-CAST({quoted(history.age)} AS DOUBLE)" if ages else f"CAST({place} - {last} - 1 AS DOUBLE)"
    kept = [OWNER, f"{time} AS {TIME}", *map(quoted, history.shared)]
    kept += [
        f"CAST(coalesce(TRY_CAST({quoted(o)} AS DOUBLE), 0) AS UTINYINT) AS {outcome_key(o)}"
        for o in history.outcomes
    ]
    made = f"SELECT {', '.join(kept)} FROM {table} ORDER BY {OWNER}, {place}"
    db.execute(f"CREATE TEMP TABLE {event_table(history)} AS {made}")
    db.execute(f"DROP TABLE {table}")


def _check_integers(
    db: duckdb.DuckDBPyConnection, history: History, field: str, of_rows: str, blanks: str, name: str
) -> None:
    entry = f"SELECT unnest({of_rows}) AS entry FROM examples"
    wrong = f"NOT regexp_full_match(entry, {literal(f'{INTEGER}([.]0+)?')}) AND entry NOT IN ({blanks})"
    if odd := db.execute(f"SELECT entry FROM ({entry}) WHERE {wrong} LIMIT 1").fetchall():
        raise DataError(
            f"dataset {name}: the list {history.lists[field]} of {field!r} holds {odd[0][0]!r}, allowed are "
            "integers and blanks",
            f"correct the entry, or take {field!r} as text: dataset.sparse.{field}: text",
        )


def _check_lengths(
    db: duckdb.DuckDBPyConnection, history: History, lists: Mapping[str, str], name: str
) -> None:
    lengths = {history.lists[key]: f"coalesce(len({one}), 0)" for key, one in lists.items()}
    (first, length), *others = lengths.items()
    for column, other in others:
        wrong = f"SELECT {length}, {other} FROM examples WHERE {length} <> {other} LIMIT 1"
        if odd := db.execute(wrong).fetchall():
            raise DataError(
                f"dataset {name}: a row has {odd[0][0]} entries in {first}, and {odd[0][1]} in {column}",
                "give one entry for each event",
            )


def _check_numbers(db: duckdb.DuckDBPyConnection, history: History, table: str, name: str) -> None:
    """Check outcomes, which may be blank, and ages."""
    number = "TRY_CAST({0} AS DOUBLE)"
    faults = dict.fromkeys(history.outcomes, (f"{{0}} IS NOT NULL AND {number} NOT IN (0, 1)", OUTCOME))
    if history.age in history.lists:
        faults[history.age] = (f"NOT ({number} >= 0 AND isfinite({number}))", AGES)
    for key, (wrong, allowed) in faults.items():
        test = f"coalesce({wrong.format(quoted(key))}, true)"
        if odd := db.execute(f"SELECT {quoted(key)} FROM {table} WHERE {test} LIMIT 1").fetchall():
            raise DataError(
                f"dataset {name}: the list {history.lists[key]} of {key!r} holds {odd[0][0]!r}, allowed are "
                f"{allowed}",
                f"correct the entry, or name a categorical field in place of {key!r}",
            )
