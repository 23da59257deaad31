"""Lists of events in the rows of a table, as SQL."""

from collections.abc import Iterable, Mapping

import duckdb

from automtl_core.data.raw.sql import literal, numbered, own, quoted
from automtl_core.dataset.dataset import columns_of_lists
from automtl_core.dataset.history import History
from automtl_core.errors import FaultyRowError


def lists_of(histories: Iterable[History]) -> dict[str, str]:
    """Return SQL for each list column of histories, null where it is blank."""
    return {
        name: f"string_split(nullif({quoted(name)}, ''), {literal(column.separator)})"
        for name, column in columns_of_lists(histories).items()
    }


def aligned(lists: Mapping[str, str]) -> list[str]:
    """Return SQL for the columns: a blank beside lists of one entry is one blank entry."""
    # A single blank entry and an empty list are the same text.
    return [
        f"CASE WHEN {one} IS NULL AND {_longest(lists)} = 1 THEN [''] ELSE {one} END AS {quoted(name)}"
        for name, one in lists.items()
    ]


def check_lengths(db: duckdb.DuckDBPyConnection, lists: Mapping[str, str], tables: Iterable[str]) -> None:
    """Check that the lists of events of a row are equally long.

    Raises:
        FaultyRowError: they are not.

    """
    longest, names, row = _longest(lists), list(tables), own("row")
    for name, one in lists.items():
        length = f"coalesce(len({one}), 0)"
        wrong = f"{length} <> {longest} AND NOT ({length} = 0 AND {longest} = 1)"
        for table in names:
            query = f"SELECT {row}, {length}, {longest} FROM {numbered(quoted(table))} WHERE {wrong}"
            if odd := db.execute(f"{query} ORDER BY {row} LIMIT 1").fetchall():
                place, count, most = odd[0]
                raise FaultyRowError(
                    f"{name} has {count} entries, and another list of events {most}",
                    "give one entry for each event",
                    table,
                    place,
                )


def _longest(lists: Mapping[str, str]) -> str:
    """Return SQL for the length of the longest list of a row."""
    return f"greatest({', '.join(f'coalesce(len({one}), 0)' for one in lists.values())})"
