"""Codes of the values in a log of events, in place of the values."""

from collections.abc import Sequence

import duckdb

from automtl_core.data.raw.sql import codes, count, own, quoted
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.history import History
from automtl_core.fields.field import OWN


def event_table(history: History) -> str:
    """Return the name of the table of the events of a history, quoted for SQL."""
    return quoted(f"events of {history.name}")


OWNER, TIME = own("owner"), own("time")
"""Columns of the table of events, quoted for SQL."""


def outcome_key(name: str) -> str:
    """Return the name of an outcome in the table of events, which differs from those of fields."""
    return f"{OWN}outcome {name}"


def coded(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, valued: Sequence[str], owner: str
) -> str:
    """Replace the table of a log by one with codes in place of values; return its name, quoted.

    Args:
        db: Database with the table `log of HISTORY`.
        dataset: The adapter.
        history: The history.
        valued: Columns with values.
        owner: The column of them whose values no row has are left out.

    """
    log, table = quoted(f"log of {history.name}"), quoted(f"coded log of {history.name}")
    for field in history.shared:
        _number_others(db, field, log, dataset.settings.hashed.get(field))
    joins = " ".join(
        f"{'' if c == owner else 'LEFT '}JOIN {codes(c)} AS t{n} ON t{n}.value = l.{quoted(c)}"
        for n, c in enumerate(valued)
    )
    replaced = ", ".join(f"t{n}.code AS {quoted(c)}" for n, c in enumerate(valued))
    change = f"REPLACE ({replaced})" if valued else ""
    db.execute(f"CREATE TEMP TABLE {table} AS SELECT l.* {change} FROM {log} AS l {joins}")
    db.execute(f"DROP TABLE {log}")
    return table


def _number_others(db: duckdb.DuckDBPyConnection, field: str, log: str, buckets: int | None) -> None:
    """Add codes for the values of a field that no row has."""
    value = f"l.{quoted(field)}"
    code = f"{count(db, codes(field))} + row_number() OVER (ORDER BY value) - 1"
    if buckets:
        code = f"md5_number_lower(CAST(value AS VARCHAR)) % {buckets}"
    db.execute(
        f"INSERT INTO {codes(field)} SELECT value, CAST({code} AS INTEGER) FROM (SELECT DISTINCT "
        f"{value} AS value FROM {log} AS l ANTI JOIN {codes(field)} AS c ON c.value = {value} "
        f"WHERE {value} IS NOT NULL)"
    )
