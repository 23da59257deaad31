"""Lists of the rows of a dataset: the rule by which rows form them, and the list of each row.

Letters: R rows.
"""

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.lists import together
from automtl_core.dataset.dataset import Dataset, list_columns
from automtl_core.dataset.lists import USER, Formed, Lists, in_units
from automtl_core.errors import DataError
from automtl_core.prepare.examples import key_of, list_times, owner_key
from automtl_core.prepare.split import LEFT_OUT, TEST, Parts, split, values_of
from automtl_core.raw.sql import form_of, quoted


def lists_of(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str, unit: float
) -> tuple[Lists, Formed] | None:
    """Return the lists of the rows of `examples`; None without lists.

    Args:
        db: Database with the table `examples`.
        dataset: The adapter.
        name: Its registered name.
        unit: Seconds of the unit of times that are numbers; for dates 1.

    Raises:
        DataError: all rows are at one time, so that there are no periods.

    """
    chosen = dataset.settings.list
    if chosen is None:
        return None
    columns, timed = list_columns(dataset), list_times(dataset)
    keys = [quoted(owner_key(dataset, column)) for column in columns]
    owners = together([values_of(db, f"coalesce({key}, -1)", "BIGINT") for key in keys])
    if not timed:
        return (found := Lists(tuple(columns))), found.form(owners, None)
    [time] = timed
    times = values_of(db, quoted(key_of("time", time)), "DOUBLE")
    gap, every = (None if one is None else in_units(one, unit) for one in (chosen.gap, chosen.every))
    found = Lists(tuple(columns), dataset.time_column or time, gap, every)
    if chosen.by == (USER,) and gap is every is None:
        found = _frozen(found, times, split(db, dataset, name, None, unit), name)
    return found, found.form(owners, times)


def unit_of(dataset: Dataset, rows: duckdb.DuckDBPyRelation) -> float:
    """Return the seconds of the unit of times as numbers; dates become seconds."""
    if dataset.time not in rows.columns:
        return 1.0
    dates = form_of(str(rows.types[rows.columns.index(dataset.time)])) != "number"
    return 1.0 if dates else dataset.time_unit


def _frozen(lists: Lists, times: NDArray[np.float64], parts: Parts, name: str) -> Lists:
    """Return the rule with periods as long as the test part of rows alone, which is one of them."""
    first, last, after = times[parts == TEST].min(), times.max(), times[parts == LEFT_OUT]
    if first == times.min():
        what = f"dataset {name}: all rows are at one time, and dataset.list divides a user's rows by time"
        raise DataError(what, "name a gap, a period or columns of a list, or correct the time")
    end = after.min(initial=np.inf) - first
    length = end if len(after) else (last - first) * (1 + 1e-9) or first - times[times < first].max()
    return Lists(lists.by, lists.time, every=float(length), origin=float(first))
