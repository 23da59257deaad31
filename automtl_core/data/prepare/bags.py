"""Multi-valued fields: the values of each bag. A bag is shared by all rows that refer to it."""

from collections.abc import Iterator

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.raw.sql import category, codes, count, number_values, quoted
from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import DataError

Ints = NDArray[np.int32]


def number_bags(db: duckdb.DuckDBPyConnection, dataset: Dataset, field: str) -> None:
    """Create the table of the distinct values of each bag of a field, as codes.

    Raises:
        DataError: `Dataset.values` returns a table without a required column.

    """
    held = dataset.values(db, field)
    if missing := [name for name in ("bag", "value") if name not in held.columns]:
        raise DataError(
            f"the values of {field} lack {missing[0]!r}", "return the columns `bag` and `value` from `values`"
        )
    kind = str(held.types[held.columns.index("value")])
    db.register("held", held.project(f"bag, {category('value', kind)} AS value"))
    db.execute(
        f"CREATE TEMP TABLE named AS SELECT DISTINCT b.code AS bag, held.value FROM held "
        f"JOIN {codes(field)} AS b ON b.value = held.bag WHERE held.value IS NOT NULL"
    )
    number_values(db, _values(field), "SELECT value FROM named", dataset.settings.hashed.get(field))
    db.execute(
        f"CREATE TEMP TABLE {quoted(_pairs(field))} AS SELECT DISTINCT bag, v.code AS code FROM named "
        f"JOIN {codes(_values(field))} AS v USING (value) ORDER BY bag, code"
    )
    db.execute("DROP TABLE named")
    db.unregister("held")


def value_codes(field: str) -> str:
    """Return the table of the values of a multi-valued field and their codes, quoted for SQL."""
    return codes(_values(field))


def held(db: duckdb.DuckDBPyConnection, field: str) -> Iterator[tuple[Ints, Ints]]:
    """Yield bags and their values, both as codes, sorted by both, chunk by chunk."""
    db.execute(f"SELECT bag, code FROM {quoted(_pairs(field))}")
    while len(frame := db.fetch_df_chunk(64)):
        yield frame["bag"].to_numpy(), frame["code"].to_numpy()


def value_count(db: duckdb.DuckDBPyConnection, field: str) -> int:
    """Return the number of distinct values in bags."""
    return count(db, codes(_values(field)))


def _values(field: str) -> str:
    return f"values of {field}"


def _pairs(field: str) -> str:
    return f"pairs of {field}"
