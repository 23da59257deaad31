"""Histories of new examples: lists in their rows, or a log of events up to now.

Letters: R rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np

from automtl_core.data.raw.sql import category, count, literal, quoted
from automtl_core.dataset.dataset import BIT, TEXT, Column, Dataset, RawFile
from automtl_core.dataset.history import History, source_of
from automtl_core.errors import DataError, FaultyRowError, printable
from automtl_core.fields.encode import event_columns


def columns_of(histories: Iterable[History]) -> dict[str, Column]:
    """Return the list columns of rows: values of events, outcomes and ages, the earliest event first."""
    return {
        name: Column(separator=history.separator)
        for history in histories
        for name in event_columns(history.to_json())
    }


def with_lists(file: RawFile, histories: Sequence[History]) -> RawFile:
    """Return the format of rows that hold their histories as lists.

    Raises:
        DataError: files of the dataset have no header, so that they cannot have further columns.

    """
    if histories and not file.header:
        raise DataError(
            f"{file.path}: files without a header cannot hold lists of events", "give the events by --history"
        )
    return replace(file, columns={**file.columns, **columns_of(histories)})


def with_owners(file: RawFile, dataset: Dataset, histories: Sequence[History]) -> RawFile:
    """Return the format of rows whose histories are in a log: they have an owner and a time."""
    wanted = [name for history in histories for name in (history.by, time_column(dataset, history))]
    more = {name: TEXT for name in wanted if file.columns.get(name, Column("unused")).kind == "unused"}
    return replace(file, columns={**file.columns, **more})


def log_file(path: str, dataset: Dataset, history: History) -> RawFile:
    """Return the format of a log: a column for the owner, the time, each shared field and each outcome."""
    raw = {name: column for file in dataset.files().values() for name, column in file.columns.items()}
    columns = {name: _kind(raw.get(name, TEXT)) for name in (history.by, *history.shared)}
    columns |= {time_column(dataset, history): TEXT}
    return RawFile(path, columns | columns_of_outcomes(history.outcomes, columns), others=True)


def columns_of_outcomes(outcomes: Iterable[str], others: Iterable[str]) -> dict[str, Column]:
    """Return the columns of outcomes in files of events that are not among the others."""
    kinds = {column: BIT if text is None else TEXT for column, text in map(source_of, outcomes)}
    return {column: kind for column, kind in kinds.items() if column not in others}


def outcome_of(name: str) -> str:
    """Return SQL for an outcome of a file of events: 0, 1 or null."""
    column, text = source_of(name)
    return f"CAST({quoted(column)} AS VARCHAR) = {literal(text)}" if text is not None else quoted(column)


def time_column(dataset: Dataset, history: History) -> str:
    """Return the column of files with the time of rows and events."""
    return dataset.time_column or history.time if history.time == dataset.time else history.time


def lists_of_log(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, history: History, rows: str, log: str
) -> dict[str, list[list[Any]]]:
    """Return the list columns of rows, from a log. Events at the same time are in the order of preparation.

    Args:
        db: A database.
        dataset: The dataset of the rows.
        history: The history.
        rows: Table of the rows, with their owner and time.
        log: Table of the events, see `log_file`.

    Raises:
        FaultyRowError: a time is neither a number nor a date.

    """
    time = time_column(dataset, history)
    for table in (rows, log):
        numbered = f"SELECT row_number() OVER () - 1 AS row, {quoted(time)} FROM {quoted(table)}"
        wrong = f"FROM ({numbered}) WHERE {_number(time)} IS NULL ORDER BY row LIMIT 1"
        if odd := db.execute(wrong).fetchall():
            row, value = odd[0]
            raise FaultyRowError(
                f"{time} holds {printable(repr(value))}, which is no time",
                "give a number, or a date such as 2024-01-31 23:59:59",
                table,
                row,
            )
    relation = db.sql(f"FROM {quoted(log)}")
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    values = [category(quoted(name), kinds[name]) for name in history.shared]
    values += [f"coalesce(CAST({outcome_of(name)} AS INTEGER), 0)" for name in history.outcomes]
    keys = [f"k{n}" for n in range(len(values))]
    order = ", ".join(["moment", *keys])
    latest = ", ".join(f"{key} DESC NULLS FIRST" for key in ("moment", *keys))
    texts = [f"CAST({key} AS VARCHAR)" for key in keys[: len(history.shared)]] + keys[len(history.shared) :]
    owner = f"CAST({quoted(history.by)} AS VARCHAR) AS owner"
    named = "".join(f", {value} AS {key}" for value, key in zip(values, keys, strict=True))
    db.execute(
        f"WITH r AS (SELECT row_number() OVER () - 1 AS n, {owner}, {_number(time)} AS now "
        f"FROM {quoted(rows)}), "
        f"e AS (SELECT {owner}, {_number(time)} AS moment{named} FROM {quoted(log)}), "
        f"kept AS (SELECT n, now, e.* FROM r JOIN e "
        f"ON e.owner = r.owner AND moment < now - {history.delay!r} "
        f"QUALIFY row_number() OVER (PARTITION BY n ORDER BY {latest}) <= {history.length}) "
        f"SELECT n, {', '.join(f'list({one} ORDER BY {order})' for one in (*texts, 'now - moment'))} "
        "FROM kept GROUP BY n"
    )
    found = db.fetchall()
    names = event_columns(history.to_json())
    held: dict[str, list[list[Any]]] = {name: [[] for _ in range(count(db, quoted(rows)))] for name in names}
    for n, *of_row in found:
        for name, one in zip(names, of_row, strict=True):
            held[name][n] = one
    return held


def entries(value: Any, separator: str) -> list[Any]:
    """Return a list of events from a text with separators or from a list; blanks stay, for alignment."""
    if isinstance(value, str):
        return value.split(separator) if value else []
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return []


def _kind(column: Column) -> Column:
    """Return the declaration of values that are as many kinds as those of a raw column."""
    return replace(column, optional=False) if column.kind == "integer" else TEXT


def _number(column: str) -> str:
    """Return SQL for a time: a number, or the seconds since 1970 of a date; null for anything else."""
    text = f"CAST({quoted(column)} AS VARCHAR)"
    number = f"TRY_CAST({text} AS DOUBLE)"
    return f"coalesce(CASE WHEN isfinite({number}) THEN {number} END, epoch(TRY_CAST({text} AS TIMESTAMP)))"
