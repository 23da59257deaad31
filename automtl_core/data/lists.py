"""Lists of new rows, which they form by the rule of prepared rows; see `dataset.lists`. Letters: R rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from automtl_core.dataset.dataset import TEXT, Column
from automtl_core.dataset.lists import Formed, Lists
from automtl_core.fields.field import Ints
from automtl_core.raw.sql import DB, quoted, times_of


def lists_of_rows(db: DB, lists: Lists, *tables: str) -> Formed:
    """Return the lists of the rows of a table, in order; rows of further tables follow.

    Args:
        db: The database.
        lists: The rule.
        tables: Table of the rows, with the columns of the rule, and others with earlier rows.

    Raises:
        FaultyRowError: a time has another form than most others.

    """
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in lists.by)
    frame = pd.concat([db.sql(f"SELECT {texts} FROM {quoted(table)}").df() for table in tables])
    numbers = [pd.factorize(frame.iloc[:, n])[0].astype(np.int64) for n in range(len(lists.by))]
    if lists.time is None:
        return lists.form(together(numbers), None)
    times = [times_of(db, lists.time, table).seconds for table in tables]
    return lists.form(together(numbers), np.concatenate(times))


def columns_of_rows(lists: Lists, declared: Mapping[str, Column]) -> dict[str, Column]:
    """Return the columns of files by which rows form lists.

    Args:
        lists: The rule.
        declared: Columns of files of labelled rows, whose declarations are used, such as their blanks.

    """
    times = {} if lists.time is None else {lists.time: Column("time", required=True)}
    used = {name: column for name, column in declared.items() if column.kind != "unused"}
    return {**{name: used.get(name, TEXT) for name in lists.by}, **times}


def together(columns: Sequence[Ints]) -> Ints:
    """Return a number for the values of a row in several columns, -1 where one has none, [R] each -> [R]."""
    found = columns[0]
    for column in columns[1:]:
        _, both = np.unique(found * (column.max(initial=0) + 1) + column, return_inverse=True)
        found = np.where((found < 0) | (column < 0), -1, both)
    return found
