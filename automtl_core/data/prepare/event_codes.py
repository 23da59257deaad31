"""Codes of the values in a log of events, in place of the values."""

from collections.abc import Sequence

import duckdb

from automtl_core.data.raw.sql import codes, count, own, quoted
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.history import History


def event_table(history: History) -> str:
    """Return the name of the table of the events of a history, quoted for SQL."""
    return quoted(f"events of {history.name}")


def value_key(field: str, dataset: Dataset) -> str:
    """Return the column of a coded log that orders the values of a field: the values, or hashed codes."""
    return quoted(field) if field in dataset.settings.hashed else own(f"value of {field}")


def coded(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, valued: Sequence[str], owner: str
) -> str:
    """Replace the table of a log by one with codes in place of values; return its name, quoted.

    Values of shared fields stay beside the codes, see `value_key`: codes of values that no row has follow all
    others, and would be another order of events at the same time than in the log of new rows.

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
    keys = {c: value_key(c, dataset) for c in history.shared if c not in dataset.settings.hashed}
    values = "".join(f", t{valued.index(c)}.value AS {key}" for c, key in keys.items())
    db.execute(f"CREATE TEMP TABLE {table} AS SELECT l.* {change}{values} FROM {log} AS l {joins}")
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
