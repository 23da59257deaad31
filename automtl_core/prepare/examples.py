"""Examples: the rows of a dataset as one checked, sorted table of numbers."""

from collections.abc import Mapping
from math import inf
from typing import Any, Literal, NamedTuple

import duckdb
import pandas as pd

from automtl_core.data.known import MOMENT
from automtl_core.dataset.dataset import (
    Dataset,
    dense_fields,
    histories_of,
    learned,
    list_columns,
    names_of,
    sparse_fields,
    weights_of,
)
from automtl_core.dataset.declarations import History
from automtl_core.dataset.lists import USER
from automtl_core.errors import DataError, PluginError, UsageError, did_you_mean, listing, printable
from automtl_core.fields.encode import LARGEST, OWN
from automtl_core.prepare.values import codes, number_bags, number_values
from automtl_core.raw.sql import any_time, as_seconds, category, check_names, create, literal, quoted

JOINED = 50
"""Largest number of tables of codes in the joins of one query."""


class ExampleColumn(NamedTuple):
    """A column of the table `examples`."""

    source: str
    """Name in the dataset's rows."""
    how: Literal[
        "code", "bag", "number", "label", "owner", "rank", "part", "text",
        "time", "outcome", "event number", "list", "weight", "moment",
    ]  # fmt: skip
    """Content. Of fields: codes, codes of bags, numbers, and texts. The owners of histories, and `rank`, the
    time of a split by time, are codes too. Of events that are rows: their times, outcomes and numbers; `list`
    is a list of events. `moment` is the time by which rows are told apart, null where it is none."""
    missing: float | None = None
    """Replacement for a missing number."""


CODED = ("code", "bag", "owner", "rank")
NUMBERS = ("number", "label", "moment")


def columns_of(dataset: Dataset, *how: str) -> dict[str, ExampleColumn]:
    """Return the columns of `examples` by their names there, or of them those with some contents."""
    columns: dict[str, ExampleColumn] = {}

    def add(key: str, source: str, how: Any, missing: float | None = None) -> None:
        columns.setdefault(key, ExampleColumn(source, how, missing))

    fields = [*sparse_fields(dataset), *dense_fields(dataset)]
    reads = [read for field in fields for read in field.reads().items()]
    for name, read in (pair for pair in reads if pair[1].how != "text"):
        add(name, name, read.how, read.missing)
    for label in learned(dataset):
        add(label.name, label.name, "label")
    for task, column in weights_of(dataset).items():
        add(weight_keys(dataset)[task], column, "weight")
    logged = _logged(dataset)
    for owner in [*(history.by for history in logged), *list_columns(dataset)]:
        add(owner_key(dataset, owner), owner, "owner")
    if dataset.time and dataset.settings.split == "time":
        add(dataset.time, dataset.time, "rank")
    if dataset.part:
        add(dataset.part, dataset.part, "part")
    for name, read in (pair for pair in reads if pair[1].how == "text"):
        add(read.key(name), name, "text")
    for time in [*(history.time for history in logged), *list_times(dataset)]:
        add(key_of("time", time), time, "time")
    for history in (one for one in logged if one.of_rows):
        for outcome in history.outcomes:
            add(key_of("outcome", outcome), outcome, "outcome")
        for number in history.numbers:
            add(key_of("outcome", number.name), number.name, "event number")
    for history in histories_of(dataset):
        for name in history.lists.values():
            add(key_of("list", name), name, "list")
    if dataset.time:  # the last one: it changes the order of no rows that differ
        add(MOMENT, dataset.time, "moment")
    return {key: column for key, column in columns.items() if not how or column.how in how}


def key_of(what: Literal["outcome", "given", "time", "list"], name: str) -> str:
    """Return the name in `examples` of an outcome or a number of events that are rows, a time, or a list.

    Or the key in a chunk of a label as it is given, also where a weight of 0 takes it out.
    """
    return f"{OWN}{what} {name}"


def weight_keys(dataset: Dataset) -> dict[str, str]:
    """Return the name in `examples` of the weights of each task that has some."""
    return {task: f"{OWN}weight {column}" for task, column in weights_of(dataset).items()}


def owner_key(dataset: Dataset, column: str) -> str:
    """Return the name in `examples` of the owners of histories or lists: the field, unless it is hashed."""
    reads = [read for field in sparse_fields(dataset) for read in field.reads().items()]
    is_field = any(name == column and read.how == "code" for name, read in reads)
    return column if is_field and column not in dataset.settings.hashed else f"{OWN}owner {column}"


def list_times(dataset: Dataset) -> list[str]:
    """Return the column with the times of rows in lists; none if they are not needed."""
    chosen = dataset.settings.list
    timed = chosen and (chosen.timed or dataset.settings.split == "time" or _logged(dataset))
    return [dataset.time] if timed and dataset.time else []


def _logged(dataset: Dataset) -> list[History]:
    return [history for history in histories_of(dataset) if not history.lists]


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
    columns = columns_of(dataset)
    _create_unsorted(db, relation, dataset, name, columns)
    _check_values(db, dataset, name, columns)
    for field, column in columns_of(dataset, *CODED).items():
        in_bags = column.how == "bag"
        values = f"SELECT {quoted(field)} AS value FROM unsorted"
        number_values(db, field, values, None if in_bags else dataset.settings.hashed.get(field))
        if in_bags:
            number_bags(db, dataset, field)
    _sort(db, dataset, columns)
    return relation


def rows_of(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> duckdb.DuckDBPyRelation:
    """Return the rows of a dataset with all declared columns; raises as `make_examples` does."""
    _check_declared(dataset, name)
    _check_lists(dataset, name)
    rows: object = dataset.rows(db)
    if not isinstance(rows, pd.DataFrame | duckdb.DuckDBPyRelation):
        raise PluginError(
            f"dataset {name}: {type(dataset).__name__}.rows returns {type(rows).__name__}, "
            "expected a relation or a data frame",
            "repair or upgrade the plugin that supplies it; see `automtl list datasets`",
        )
    relation = db.from_df(rows) if isinstance(rows, pd.DataFrame) else rows
    for column in weights_of(dataset).values():
        if column not in (known := relation.columns):
            raise UsageError(
                f"dataset.weights names {column!r}, which the rows of dataset {name} do not have"
                f"{did_you_mean(column, known)}",
                f"known: {listing(known)}",
            )
    sources = dict.fromkeys(column.source for column in columns_of(dataset).values())
    fields = [column.source for column in columns_of(dataset, "code", "bag", "number", "text").values()]
    check_names([*fields, *names_of(dataset.labels)], f"dataset {name}")
    missing = [f"{c!r}" + did_you_mean(c, relation.columns) for c in sources if c not in relation.columns]
    if missing:
        raise DataError(f"dataset {name}: its rows lack {', '.join(missing)}", "add the columns to `rows`")
    return relation


def _create_unsorted(
    db: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation,
    dataset: Dataset,
    name: str,
    columns: Mapping[str, ExampleColumn],
) -> None:
    """Create the table `unsorted`: values of fields, numbers, labels."""
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    flags = {label.name for label in learned(dataset) if label.type.two_classes}
    chosen = []
    for key, (source, how, missing) in columns.items():
        value, kind = quoted(source), kinds[source]
        match how:
            case "code" | "owner":
                value = category(value, kind)
            case "number" | "label" | "weight":
                value = f"CAST({value} AS {'FLOAT' if key in flags else 'DOUBLE'})"
            case "text":
                value = f"coalesce(CAST({category(value, kind)} AS VARCHAR), '')"
            case "list":
                value = f"CAST({value} AS VARCHAR[])"
            case "time" | "outcome" | "event number":
                value = as_seconds(value, kind)
            case "moment":
                value = any_time(value, kind)
        if missing is not None:
            value = f"coalesce({value}, {float(missing)!r})"
        chosen.append(f"{value} AS {quoted(key)}")
    try:
        create(db, "unsorted", relation.project(", ".join(chosen)))
    except duckdb.ConversionException as error:
        words = printable(str(error).splitlines()[0])
        raise DataError(
            f"dataset {name}: {words}",
            "dense fields, labels, weights and times of histories have to be numbers",
        ) from None
    except duckdb.InvalidInputException:
        single = [column.source for column in columns.values() if column.how in ("code", "text")]
        floats = [source for source in single if kinds[source] in ("DOUBLE", "FLOAT")]
        if not floats:
            raise
        what = f"dataset {name}: sparse fields hold text or integers, not fractions as in {listing(floats)}"
        raise DataError(what, "convert them to text, or declare a dense field or buckets") from None


def _sort(db: duckdb.DuckDBPyConnection, dataset: Dataset, columns: Mapping[str, ExampleColumn]) -> None:
    """Create `examples` from `unsorted`: values replaced by codes, sorted by all columns."""
    fields = [field for field, column in columns.items() if column.how in CODED]
    # Different values share a bucket: these fields are sorted by the value.
    hashed = [f for f in fields if f in dataset.settings.hashed and columns[f].how != "bag"]
    left = _number_most(db, [field for field in fields if field not in hashed], JOINED - len(hashed))
    joined = [*left, *hashed]
    code = {
        field: f"t{joined.index(field)}.code" if field in joined else _unsorted(field) for field in fields
    }
    flags = {label.name for label in learned(dataset) if label.type.two_classes}
    others = {
        column: f"CAST({_unsorted(column)} AS TINYINT)" if column in flags else _unsorted(column)
        for column in columns
        if column not in code
    }
    chosen = [f"{sql} AS {quoted(column)}" for column, sql in (code | others).items()]
    # Rows of a list are neighbours.
    lists = [code[owner_key(dataset, name)] for name in list_columns(dataset)]
    lists += [others[key_of("time", name)] for name in list_times(dataset)]
    order = [*lists, *code.values(), *map(_unsorted, hashed), *others.values()]
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
    known = {"tasks": names_of(dataset.labels), "weights": names_of(dataset.labels)}
    known["hashed"] = list(columns_of(dataset, "code", "bag"))
    known["min_count"] = names_of(sparse_fields(dataset))
    for setting, names in known.items():
        named = getattr(dataset.settings, setting)
        for given in named if isinstance(named, tuple | Mapping) else ():
            if given not in names:
                raise UsageError(
                    f"dataset.{setting} names {given!r}, which the dataset does not have"
                    f"{did_you_mean(given, names)}",
                    f"known: {listing(names)}",
                )


def _check_lists(dataset: Dataset, name: str) -> None:
    """Check that the dataset has the columns of lists.

    Raises:
        UsageError: it has no user field or no time, or a history has another time.

    """
    chosen = dataset.settings.list
    if chosen is None:
        return
    what, own_table = f"dataset.list of dataset {name}", "for your own table, name it: --set dataset."
    if USER in chosen.by and dataset.user is None:
        raise UsageError(f"{what} names the user, and there is no user field", f"{own_table}user=FIELD")
    if dataset.time is None and chosen.timed:
        raise UsageError(f"{what} has a gap or periods, and there is no time", f"{own_table}time=COLUMN")
    if other := next((h.time for h in _logged(dataset) if h.time != dataset.time), None):
        fix = "use --set dataset.history_length=0"
        raise UsageError(f"{what} begins by {dataset.time}, and events have the time {other}", fix)
    divided = chosen.timed or dataset.settings.split == "time"
    if chosen.by == (USER,) and _logged(dataset) and not divided:
        fix = "name a gap or a period: --set 'dataset.list={user, gap: 30m}'"
        raise UsageError(f"{what}: no event comes before a list of all rows of a user", fix)


def _check_values(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str, columns: Mapping[str, ExampleColumn]
) -> None:
    """Check labels, numbers, weights and parts; missing labels and numbers are allowed."""
    tests = {}
    for key, column in columns.items():
        test, allowed, fix = _rule(dataset, key, column)
        if test:
            tests[key] = test, allowed, fix
    if not tests:
        return
    combined = ", ".join(f"bool_or({test})" for test, *_ in tests.values())
    results = db.execute(f"SELECT {combined} FROM unsorted").fetchall()[0]
    for (key, (test, allowed, fix)), wrong in zip(tests.items(), results, strict=True):
        if wrong:
            [value] = db.execute(f"SELECT {quoted(key)} FROM unsorted WHERE {test} LIMIT 1").fetchall()[0]
            source, how, _ = columns[key]
            what = f"{how} {source}" if how in ("label", "weight") else source
            raise DataError(f"dataset {name}: {what} holds {printable(repr(value))}{allowed}", fix)


def _rule(dataset: Dataset, key: str, column: ExampleColumn) -> tuple[str, str, str]:
    """Return SQL that is true for a wrong value of a column, the allowed values, and the remedy.

    The SQL is empty for a column whose values are all allowed.
    """
    at = quoted(key)
    events = "correct the column, or use --set dataset.history_length=0"
    match column.how:
        case "label":
            kind = next(label.type for label in learned(dataset) if label.name == key)
            tests = [f"NOT isfinite({at})", *([f"{at} <> floor({at})"] * kind.whole)]
            tests += [f"{at} < {kind.low}"] * (kind.low > -inf) + [f"{at} > {kind.high}"] * (kind.high < inf)
            fix = "repair the raw file, and use null for an unknown label"
            return " OR ".join(tests), f", allowed are {kind.allowed}", fix
        case "weight":
            wrong = f"NOT coalesce({at} BETWEEN 0 AND {LARGEST}, false)"
            fix = "repair the column that dataset.weights names; 0 takes a row out of the training"
            return wrong, ", allowed are numbers from 0 on", fix
        case "number":
            return f"NOT isfinite({at})", "", "use null for an unknown number"
        case "time":
            return f"NOT coalesce(isfinite({at}), false)", ", allowed are numbers", events
        case "outcome":
            return f"{at} NOT IN (0, 1)", ", allowed are 0, 1 and null", events
        case "event number":
            return f"NOT abs({at}) <= {LARGEST}", ", allowed are numbers and null", events
        case "part":
            known = ", ".join(map(literal, ("train", "validation", "test")))
            return f"coalesce({at} NOT IN ({known}), true)", "", "allowed are train, validation and test"
        case "rank":
            return (
                f"{at} IS NULL",
                ", expected a time in each row",
                "drop the rows without a time, or fill it in",
            )
    return "", "", ""
