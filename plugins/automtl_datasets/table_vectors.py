"""Files of pretrained vectors for a table."""

from collections.abc import Mapping

import duckdb

from automtl_core.data.raw.sql import quoted
from automtl_core.dataset.dataset import TEXT, Column, RawFile, Vectors
from automtl_core.errors import DataError
from automtl_datasets.table_settings import VectorFile, separator_of

SEPARATOR = "|"
"""Separator of the numbers of a vector in delimited text."""


def field_of(column: str) -> Vectors:
    """Return the field with the vectors of the values of a column."""
    return Vectors(f"{column}:vector", column)


def files_of(vectors: Mapping[str, VectorFile]) -> dict[str, RawFile]:
    """Return the layouts of the files of vectors, by the name of their table."""
    found, numbers = {}, Column("vector", separator=SEPARATOR)
    for column, one in vectors.items():
        name = field_of(column).name
        if one.ids is None:
            columns = {one.id or column: TEXT, one.vector: numbers}
            named_by = dict.fromkeys(columns, f"dataset.vectors.{column}")
            found[name] = RawFile(
                one.file, columns, others=True, named_by=named_by, separator=separator_of(one.file)
            )
        else:
            found[name] = RawFile(one.file, {"vector": numbers}, header=False)
            found[_ids(name)] = RawFile(one.ids, {"id": TEXT}, header=False)
    return found


def rows_of(
    db: duckdb.DuckDBPyConnection, vectors: Mapping[str, VectorFile], field: str
) -> duckdb.DuckDBPyRelation:
    """Return the rows of a file of vectors, or those of an array beside its values: see `Dataset.vectors`.

    Raises:
        DataError: there are more vectors than values, or fewer.

    """
    column = next(column for column in vectors if field_of(column).name == field)
    one, table, ids = vectors[column], quoted(field), quoted(_ids(field))
    if one.ids is None:
        chosen = f"{quoted(one.id or column)} AS id, {quoted(one.vector)} AS vector"
        return db.sql(f"SELECT {chosen} FROM {table}")
    counts = [db.table(each).count("*").fetchall()[0][0] for each in (table, ids)]
    if counts[0] != counts[1]:
        raise DataError(
            f"dataset table: {one.file} has {counts[0]} vectors, and {one.ids} has {counts[1]} values",
            "write one value for each vector, in the same order",
        )
    return db.sql(f"SELECT id, vector FROM {ids} POSITIONAL JOIN {table}")


def _ids(field: str) -> str:
    """Return the name of the table with the values of an array of vectors."""
    return f"{field} ids"
