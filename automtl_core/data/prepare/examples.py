"""Examples: the rows of a dataset as one checked, sorted table of numbers."""

from collections.abc import Iterator
from math import inf
from typing import Literal, NamedTuple

import duckdb
import pandas as pd

from automtl_core.data.prepare.bags import number_bags
from automtl_core.data.raw.sql import category, check_names, codes, create, literal, number_values, quoted
from automtl_core.data.raw.times import as_seconds
from automtl_core.dataset.dataset import (
    Dataset,
    Read,
    dense_fields,
    histories_of,
    learned,
    names_of,
    sparse_fields,
)
from automtl_core.dataset.declarations import History
from automtl_core.errors import DataError, PluginError, UsageError, did_you_mean, listing, printable
from automtl_core.fields.encode import LARGEST, OWN
from automtl_core.tasks.kind import TaskKind

HOW = ("code", "text", "bag", "number")
ALLOWED = {
    "time": ("NOT coalesce(isfinite({0}), false)", "numbers"),
    "outcome": ("{0} NOT IN (0, 1)", "0, 1 and null"),
    "number": (f"NOT abs({{0}}) <= {LARGEST}", "numbers and null"),
}
"""What events hold -> SQL that is true for a wrong value {0}, and the allowed values."""
JOINED = 50
"""Largest number of tables of codes in the joins of one query."""


def make_examples(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> duckdb.DuckDBPyRelation:
    """Create the table `examples` from the rows of `dataset`, sorted by all its columns.

    The sorting makes the result independent of the order of the raw files and of the number of threads.
    Values of sparse fields, bags and times are replaced by their rank among all values, which the table
    `codes(field)` holds: an INTEGER, null where unknown.

    Returns:
        The rows of the dataset.

    Raises:
        DataError: columns or values violate the interface of `Dataset.rows`.
        PluginError: the declarations of the dataset cannot be prepared.
        UsageError: a setting names a field or task that does not exist.

    """
    relation = rows_of(db, dataset, name)
    _create_unsorted(db, relation, dataset, name)
    _check_values(db, dataset, name)
    held = columns_read(dataset, "bag")
    for field in coded(dataset):
        in_bags = field in held
        column = f"SELECT {quoted(field)} AS value FROM unsorted"
        number_values(db, field, column, None if in_bags else dataset.settings.hashed.get(field))
        if in_bags:
            number_bags(db, dataset, field)
    _sort(db, dataset)
    return relation


def rows_of(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> duckdb.DuckDBPyRelation:
    """Return the rows of a dataset with all declared columns; raises as `make_examples` does."""
    _check_declared(dataset, name)
    rows: object = dataset.rows(db)
    if not isinstance(rows, pd.DataFrame | duckdb.DuckDBPyRelation):
        raise PluginError(
            f"dataset {name}: {type(dataset).__name__}.rows returns {type(rows).__name__}, "
            "expected a relation or a data frame",
            "repair or upgrade the plugin that supplies it; see `automtl list datasets`",
        )
    relation = db.from_df(rows) if isinstance(rows, pd.DataFrame) else rows
    _check_names(relation, dataset, name)
    return relation


def _create_unsorted(
    db: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, dataset: Dataset, name: str
) -> None:
    """Create the table `unsorted` with the used columns: values of fields, numbers, labels."""
    added = added_columns(dataset)
    columns = {column: quoted(column) for column in _columns(dataset) if column not in added}
    columns |= {column: f"CAST({quoted(column)} AS DOUBLE)" for column in number_columns(dataset)}
    columns |= {t.name: f"CAST({quoted(t.name)} AS FLOAT)" for t in learned(dataset) if t.type.two_classes}
    for column, read in _reads(dataset):
        if read.missing is not None:
            columns[column] = f"coalesce({columns[column]}, {float(read.missing)!r})"
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    single = columns_read(dataset, "code", "text")
    columns |= {name: category(quoted(name), kinds[name]) for name in columns_read(dataset, "code")}
    for key, (name, how) in added.items():
        value, kind = quoted(name), kinds[name]
        match how:
            case "text":
                columns[key] = f"coalesce(CAST({category(value, kind)} AS VARCHAR), '')"
            case "owner":
                columns[key] = category(value, kind)
            case "list":
                columns[key] = f"CAST({value} AS VARCHAR[])"
            case _:
                columns[key] = as_seconds(value, kind)
    try:
        chosen = ", ".join(f"{sql} AS {quoted(column)}" for column, sql in columns.items())
        create(db, "unsorted", relation.project(chosen))
    except duckdb.ConversionException as error:
        words = printable(str(error).splitlines()[0])
        raise DataError(
            f"dataset {name}: {words}", "dense fields, labels and times of histories have to be numbers"
        ) from None
    except duckdb.InvalidInputException:
        floats = [name for name in single if kinds[name] in ("DOUBLE", "FLOAT")]
        if not floats:
            raise
        raise DataError(
            f"dataset {name}: sparse fields hold text or integers, not fractions as in {listing(floats)}",
            "convert them to text, or declare a dense field or buckets",
        ) from None


def columns_read(dataset: Dataset, *how: str) -> list[str]:
    """Return the columns that fields read in one of these ways, without duplicates."""
    return list(dict.fromkeys(column for column, read in _reads(dataset) if read.how in how))


class Added(NamedTuple):
    """A column of `examples` beside those of fields and labels."""

    source: str
    """Name in the dataset's rows."""
    how: Literal["text", "owner", "time", "outcome", "number", "list"]


def added_columns(dataset: Dataset, *how: str) -> dict[str, Added]:
    """Return the columns beside those of fields and labels, or of them those of some kinds.

    These are columns that are kept as texts, owners and times of rows and numbers of events, and lists of
    events, by their names in `examples`.
    """
    added = {
        read.key(column): Added(column, "text") for column, read in _reads(dataset) if read.how == "text"
    }
    histories = histories_of(dataset)
    logged = [history for history in histories if not history.lists]
    owners = {owner_key(dataset, history): history.by for history in logged}
    added |= {key: Added(name, "owner") for key, name in owners.items() if key != name}
    added |= {time_key(history): Added(history.time, "time") for history in logged}
    for history in (one for one in logged if one.of_rows):
        added |= {number_key(name): Added(name, "outcome") for name in history.outcomes}
        added |= {number_key(one.name): Added(one.name, "number") for one in history.numbers}
    lists = [name for history in histories for name in history.lists.values()]
    added |= {list_key(name): Added(name, "list") for name in lists}
    return {key: column for key, column in added.items() if not how or column.how in how}


def number_key(name: str) -> str:
    """Return the name in `examples` of a number of events that are rows."""
    return f"{OWN}outcome {name}"


def time_key(history: History) -> str:
    """Return the name in `examples` of the times of rows."""
    return f"{OWN}time {history.time}"


def owner_key(dataset: Dataset, history: History) -> str:
    """Return the name in `examples` of the owners of histories: that of their field, unless it is hashed."""
    shares = history.by in columns_read(dataset, "code") and history.by not in dataset.settings.hashed
    return history.by if shares else f"{OWN}owner {history.by}"


def list_key(column: str) -> str:
    """Return the name in `examples` of a list of events."""
    return f"{OWN}list {column}"


def _reads(dataset: Dataset) -> list[tuple[str, Read]]:
    """Return the columns that fields read, those of sparse fields first."""
    fields = [*sparse_fields(dataset), *dense_fields(dataset)]
    return [read for field in fields for read in field.reads().items()]


def oracles(dataset: Dataset) -> list[str]:
    """Return the columns of the true probabilities of generated labels."""
    return [label.oracle for label in dataset.labels if label.oracle]


def coded(dataset: Dataset) -> list[str]:
    """Return the columns of `examples` that hold codes."""
    fields = [*columns_read(dataset, "code", "bag"), *added_columns(dataset, "owner")]
    return [*fields, dataset.time] if dataset.time and dataset.settings.split == "time" else fields


def _labels(dataset: Dataset) -> dict[str, TaskKind]:
    """Return the kinds of the learned labels by their columns."""
    return {label.name: label.type for label in learned(dataset)}


def number_columns(dataset: Dataset) -> list[str]:
    """Return the numeric columns, including labels."""
    return [*columns_read(dataset, "number"), *oracles(dataset), *names_of(learned(dataset))]


def _columns(dataset: Dataset) -> list[str]:
    time = [dataset.time] if dataset.time and dataset.settings.split == "time" else []
    part = [dataset.part] if dataset.part else []
    fields = columns_read(dataset, "code", "bag", "number")
    return [*fields, *names_of(learned(dataset)), *oracles(dataset), *time, *part, *added_columns(dataset)]


def _sort(db: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Create `examples` from `unsorted`: values replaced by codes, sorted by all columns."""
    fields, bags = coded(dataset), columns_read(dataset, "bag")
    # Different values share a bucket: these fields are sorted by the value.
    hashed = [field for field in fields if field in dataset.settings.hashed and field not in bags]
    left = _number_most(db, [field for field in fields if field not in hashed], JOINED - len(hashed))
    joined = [*left, *hashed]
    code = {
        field: f"t{joined.index(field)}.code" if field in joined else _unsorted(field) for field in fields
    }
    chosen = [f"{sql} AS {quoted(field)}" for field, sql in code.items()]
    flags = {column for column, kind in _labels(dataset).items() if kind.two_classes}
    others = {
        column: f"CAST({_unsorted(column)} AS TINYINT)" if column in flags else _unsorted(column)
        for column in _columns(dataset)
        if column not in fields
    }
    chosen += [f"{value} AS {quoted(column)}" for column, value in others.items()]
    order = [*code.values(), *map(_unsorted, hashed), *others.values()]
    db.execute(
        f"CREATE TEMP TABLE examples AS SELECT {', '.join(chosen)} FROM unsorted {_joins(joined)} "
        f"ORDER BY {', '.join(order)}"
    )
    db.execute("DROP TABLE unsorted")


def _number_most(db: duckdb.DuckDBPyConnection, fields: list[str], left: int) -> list[str]:
    """Replace values of fields in `unsorted` by codes, except in the last fields, which are returned.

    One query joins a limited number of tables, since the cost of its planning grows fast with this number.
    """
    while len(fields) > max(left, 0):
        some, fields = fields[:JOINED], fields[JOINED:]
        replaced = ", ".join(f"t{n}.code AS {quoted(field)}" for n, field in enumerate(some))
        db.execute(
            f"CREATE TEMP TABLE numbered AS SELECT unsorted.* REPLACE ({replaced}) "
            f"FROM unsorted {_joins(some)}"
        )
        db.execute("DROP TABLE unsorted")
        db.execute("ALTER TABLE numbered RENAME TO unsorted")
    return fields


def _joins(fields: list[str]) -> str:
    return " ".join(
        f"LEFT JOIN {codes(field)} AS t{n} ON t{n}.value = {_unsorted(field)}"
        for n, field in enumerate(fields)
    )


def _unsorted(column: str) -> str:
    """Return a column of `unsorted` for a query that also reads tables of codes."""
    return f"unsorted.{quoted(column)}"


def _check_declared(dataset: Dataset, name: str) -> None:
    """Check that names in settings exist, and that the declarations can be prepared."""
    for what, stated in (("fields", dataset.fields), ("labels", dataset.labels)):
        if not stated:
            raise UsageError(f"dataset {name} has no {what} with these settings", "correct the settings")
    known = {"tasks": names_of(dataset.labels)}
    known["hashed"] = columns_read(dataset, "code", "bag")
    known["min_count"] = names_of(sparse_fields(dataset))
    for setting, names in known.items():
        named = getattr(dataset.settings, setting)
        for given in () if isinstance(named, int) else named:
            if given not in names:
                raise UsageError(
                    f"dataset.{setting} names {given!r}, which the dataset does not have"
                    f"{did_you_mean(given, names)}",
                    f"known: {listing(names)}",
                )


def _check_names(relation: duckdb.DuckDBPyRelation, dataset: Dataset, name: str) -> None:
    added = added_columns(dataset)
    wanted = list(dict.fromkeys(added[c].source if c in added else c for c in _columns(dataset)))
    check_names([*columns_read(dataset, *HOW), *names_of(dataset.labels)], f"dataset {name}")
    missing = [f"{c!r}" + did_you_mean(c, relation.columns) for c in wanted if c not in relation.columns]
    if missing:
        raise DataError(f"dataset {name}: its rows lack {', '.join(missing)}", "add the columns to `rows`")


def _check_values(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> None:
    """Check labels, numbers and parts; missing labels and numbers are allowed."""
    faults = dict(_faults(dataset))
    if not faults:
        return
    tests = ", ".join(f"bool_or({test})" for test in faults.values())
    found = db.execute(f"SELECT {tests} FROM unsorted").fetchall()[0]
    for (column, test), wrong in zip(faults.items(), found, strict=True):
        if wrong:
            value = db.execute(f"SELECT {quoted(column)} FROM unsorted WHERE {test} LIMIT 1").fetchall()
            held = printable(repr(value[0][0]))
            if kind := _labels(dataset).get(column):
                raise DataError(
                    f"dataset {name}: label {column} holds {held}, allowed are {kind.allowed}",
                    "repair the raw file, and use null for an unknown label",
                )
            if column == dataset.part:
                raise DataError(
                    f"dataset {name}: {column} holds {held}", "allowed are train, validation and test"
                )
            if column in (known := added_columns(dataset)):
                source, how = known[column]
                raise DataError(
                    f"dataset {name}: {source} holds {held}, allowed are {ALLOWED[how][1]}",
                    "correct the column, or use --set dataset.history_length=0",
                )
            if column == dataset.time:
                raise DataError(f"dataset {name}: {column} is blank in some rows", "drop or fill them")
            raise DataError(f"dataset {name}: {column} holds {held}", "use null for an unknown number")


def _faults(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield each column to check, with the SQL condition of a wrong value."""
    kinds = _labels(dataset)
    for column in number_columns(dataset):
        kind, at = kinds.get(column), quoted(column)
        wrong = [f"NOT isfinite({at})"]
        if kind is not None:
            wrong += [f"{at} <> floor({at})"] * kind.whole
            wrong += [f"{at} < {kind.low}"] * (kind.low > -inf) + [f"{at} > {kind.high}"] * (kind.high < inf)
        yield column, " OR ".join(wrong)
    for column, (_, how) in added_columns(dataset, *ALLOWED).items():
        yield column, ALLOWED[how][0].format(quoted(column))
    if dataset.part:
        known = ", ".join(map(literal, ("train", "validation", "test")))
        yield dataset.part, f"coalesce({quoted(dataset.part)} NOT IN ({known}), true)"
    if dataset.time and dataset.settings.split == "time":
        yield dataset.time, f"{quoted(dataset.time)} IS NULL"
