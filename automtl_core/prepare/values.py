"""Tables of the values of fields: their codes, the values of bags, and pretrained vectors. V: values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.dataset import Dataset, Vectors
from automtl_core.dataset.lists import Formed
from automtl_core.errors import DataError, UsageError, printable
from automtl_core.fields.field import Codes, Floats
from automtl_core.raw.sql import DB, category, count, create, quoted

Parts = NDArray[np.int8]
"""Index into `PARTS` for each row, or `LEFT_OUT`, [R]."""
LINES = 100_000
"""Number of values of a column that are fetched at a time."""


def codes(field: str) -> str:
    """Return the table of a field's values and their codes, (value, code), quoted for SQL."""
    return quoted(f"codes of {field}")


def number_values(db: DB, field: str, values: str, buckets: int | None, more: bool = False) -> None:
    """Create the table `codes(field)` of the distinct values of a query.

    Codes are INTEGER, from 0 on in the order of the values; or, with buckets, a hash of the text of the
    value, which is the same in all data.

    Args:
        db: The database.
        field: The field.
        values: Query with a column `value`.
        buckets: Number of buckets; None for ranks.
        more: Whether the values are added to an existing table, and numbered above its codes.

    """
    start = count(db, codes(field)) if more else 0
    code = f"{start} + row_number() OVER (ORDER BY value) - 1"
    if buckets:
        code = f"md5_number_lower(CAST(value AS VARCHAR)) % {buckets}"
    known = f"ANTI JOIN {codes(field)} USING (value)" if more else ""
    target = f"INSERT INTO {codes(field)}" if more else f"CREATE TEMP TABLE {codes(field)} AS"
    db.execute(
        f"{target} SELECT value, CAST({code} AS INTEGER) AS code FROM "
        f"(SELECT DISTINCT value FROM ({values}) {known} WHERE value IS NOT NULL)"
    )


def fetched(db: DB, chosen: Mapping[str, str], table: str) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield columns of a table by chunks of 64 x 2048 rows; `chosen` has their SQL by name."""
    db.execute(f"SELECT {', '.join(chosen.values())} FROM {table}")
    while len(frame := db.fetch_df_chunk(64)):
        yield {name: frame.iloc[:, n].to_numpy() for n, name in enumerate(chosen)}


def of_bags(field: str) -> str:
    """Return the name of the values in the bags of a field, for `codes`."""
    return f"values of {field}"


def number_bags(table: "Examples", field: str) -> None:
    """Create the table of the distinct values of each bag of a field, as codes.

    Raises:
        DataError: `Dataset.values` returns a table without a required column.

    """
    db = table.db
    values = table.dataset.values(db, field)
    if missing := [name for name in ("bag", "value") if name not in values.columns]:
        raise DataError(
            f"the values of {field} lack {missing[0]!r}", "return the columns `bag` and `value` from `values`"
        )
    kind = str(values.types[values.columns.index("value")])
    db.register("held", values.project(f"bag, {category('value', kind)} AS value"))
    db.execute(
        f"CREATE TEMP TABLE named AS SELECT DISTINCT b.code AS bag, held.value FROM held "
        f"JOIN {codes(field)} AS b ON b.value = held.bag WHERE held.value IS NOT NULL"
    )
    number_values(db, of_bags(field), "SELECT value FROM named", table.hashed.get(field))
    db.execute(
        f"CREATE TEMP TABLE {_pairs(field)} AS SELECT DISTINCT bag, v.code AS code FROM named "
        f"JOIN {codes(of_bags(field))} AS v USING (value) ORDER BY bag, code"
    )
    db.execute("DROP TABLE named")
    db.unregister("held")


def _pairs(field: str) -> str:
    return quoted(f"pairs of {field}")


def make_vectors(rows: "Examples") -> None:
    """Create a table of the values and vectors of each field of kind `Vectors`.

    Raises:
        DataError: a value is there twice, or vectors are not lists of numbers of equal length.
        UsageError: the values are hashed.

    """
    db, dataset = rows.db, rows.dataset
    for field in (one for one in dataset.fields if isinstance(one, Vectors)):
        if field.column in rows.hashed:
            what = f"dataset.hashed names {field.column!r}, whose values have vectors"
            raise UsageError(what, "take it out: hashed values cannot be found among vectors")
        given, where = dataset.vectors(db, field.name), f"dataset {rows.name}: the vectors of {field.name!r}"
        for column in ("id", "vector"):
            if column not in given.columns:
                raise DataError(f"{where} lack the column {column!r}", "add it to `vectors`")
        chosen = given.project("CAST(id AS VARCHAR) AS id, CAST(vector AS FLOAT[]) AS vector")
        create(db, f"vectors of {field.name}", chosen.filter("id IS NOT NULL AND vector IS NOT NULL"))
        table = _vectors(field.name)
        other = f"len(vector) <> (SELECT mode(len(vector)) FROM {table})"
        wrong = "NOT list_bool_and(list_transform(vector, lambda x: coalesce(isfinite(x), false)))"
        faults = {
            "is empty": f"SELECT 'the table' WHERE NOT EXISTS (FROM {table})",
            "has several vectors": f"SELECT id FROM {table} GROUP BY id HAVING count(*) > 1 LIMIT 1",
            "has a vector of another length than most": f"SELECT id FROM {table} WHERE {other}",
            "has a vector with other values than finite numbers": f"SELECT id FROM {table} WHERE {wrong}",
        }
        for problem, query in faults.items():
            if faulty := db.execute(query).fetchall():
                raise DataError(
                    f"{where}: {printable(str(faulty[0][0]))} {problem}",
                    "give each value one vector; all have an equal number of finite numbers",
                )


class Examples:
    """The rows of a dataset in a database, as preparation knows them; and a `fields.field.Source`."""

    parts: Parts
    """Part of each row, [R]."""
    lists: Formed | None = None
    """The lists of the rows; None without lists."""
    unit = 1.0
    """Seconds of the unit of times that are numbers; for dates 1."""

    def __init__(self, db: DB, dataset: Dataset, name: str = "") -> None:
        self.db, self.dataset, self.name, self.layout = db, dataset, name, dataset.layout
        self.settings, self.hashed = dataset.settings, dataset.settings.hashed
        self.min_count = dataset.settings.min_count_of
        self.max_vocabulary = dataset.settings.max_vocabulary
        self.bags = [name for name, read in dataset.layout.reads.items() if read.how == "bag"]

    def buckets(self, field: str) -> int | None:
        """Return the number of hash buckets of a field."""
        return self.hashed.get(field)

    def codes(self, column: str) -> int:
        """Return the number of codes of a column, or the number of bags of a column of bags."""
        hashed = None if column in self.bags else self.hashed.get(column)
        return hashed or count(self.db, codes(column))

    def values(self, column: str) -> Iterator[Sequence[str]]:
        """Yield all values of a column in the order of their codes."""
        table = of_bags(column) if column in self.bags else column
        self.db.execute(f"SELECT CAST(value AS VARCHAR) FROM {codes(table)} ORDER BY code")
        while rows := self.db.fetchmany(LINES):
            yield [row[0] for row in rows]

    def value_codes(self, column: str) -> int:
        """Return the number of codes of the values in bags."""
        return self.hashed.get(column) or count(self.db, codes(of_bags(column)))

    def held(self, column: str) -> Iterator[tuple[Codes, Codes]]:
        """Yield codes of bags and of their values, sorted by both, chunk by chunk."""
        for chunk in fetched(self.db, {"bag": "bag", "code": "code"}, _pairs(column)):
            yield chunk["bag"], chunk["code"]

    def vectors(self, field: str) -> Iterator[tuple[Sequence[str], Floats]]:
        """Yield the values of a field that have vectors, and these, [V, P], sorted by value."""
        self.db.execute(f"SELECT id, vector FROM {_vectors(field)} ORDER BY id")
        while rows := self.db.fetchmany(10_000):
            values, vectors = zip(*rows, strict=True)
            yield values, np.array(vectors, np.float64)


def _vectors(field: str) -> str:
    return quoted(f"vectors of {field}")
