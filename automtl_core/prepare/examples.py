"""Examples: the rows of a dataset as one checked, sorted table of numbers."""

from collections.abc import Callable, Mapping
from math import inf

import duckdb
import pandas as pd

from automtl_core.dataset.dataset import Dataset, names_of
from automtl_core.dataset.layout import CODED, key_of
from automtl_core.dataset.lists import USER
from automtl_core.errors import DataError, PluginError, UsageError, did_you_mean, listing, printable
from automtl_core.fields.encode import LARGEST
from automtl_core.prepare.values import Examples, codes, number_bags, number_values
from automtl_core.raw.sql import DB, Relation, any_time, as_seconds, category, check_names, create, quoted

EVENTS = "correct the column, or use --set dataset.history_length=0"
RULES = {
    "weight": (
        f"NOT coalesce({{0}} BETWEEN 0 AND {LARGEST}, false)",
        ", allowed are numbers from 0 on",
        "repair the column that dataset.weights names; 0 takes a row out of the training",
    ),
    "number": ("NOT isfinite({0})", "", "use null for an unknown number"),
    "time": ("NOT coalesce(isfinite({0}), false)", ", allowed are numbers", EVENTS),
    "outcome": ("{0} NOT IN (0, 1)", ", allowed are 0, 1 and null", EVENTS),
    "measure": (f"NOT abs({{0}}) <= {LARGEST}", ", allowed are numbers and null", EVENTS),
    "part": (
        "coalesce({0} NOT IN ('train', 'validation', 'test'), true)",
        "",
        "allowed are train, validation and test",
    ),
    "rank": ("{0} IS NULL", ", expected a time in each row", "drop the rows without a time, or fill it in"),
}
"""Content of a column -> SQL that is true for a wrong value, the allowed values, and the remedy."""
SQL: Mapping[str, Callable[[str, str], str]] = {
    **dict.fromkeys(("code", "owner"), category),
    **dict.fromkeys(("number", "label", "weight"), lambda value, _: f"CAST({value} AS DOUBLE)"),
    **dict.fromkeys(("time", "outcome", "measure"), as_seconds),
    "text": lambda value, kind: f"coalesce(CAST({category(value, kind)} AS VARCHAR), '')",
    "list": lambda value, _: f"CAST({value} AS VARCHAR[])",
    "moment": any_time,
}
"""Content of a column -> SQL of its values, from those in the rows and their type."""
JOINED = 50
"""Largest number of tables of codes in the joins of one query."""


def make_examples(table: Examples) -> Relation:
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
    layout, relation = table.layout, rows_of(table)
    _create_unsorted(table, relation)
    _check_values(table)
    for field in layout.keys(*CODED):
        in_bags = layout.columns[field].how == "bag"
        values = f"SELECT {quoted(field)} AS value FROM unsorted"
        number_values(table.db, field, values, None if in_bags else layout.hashed.get(field))
        if in_bags:
            number_bags(table, field)
    _sort(table)
    return relation


def rows_of(table: Examples) -> Relation:
    """Return the rows of a dataset with all declared columns; raises as `make_examples` does."""
    db, dataset, name, columns = table.db, table.dataset, table.name, table.layout.columns.values()
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
    for column in dataset.layout.weights.values():
        if column not in (known := relation.columns):
            raise UsageError(
                f"dataset.weights names {column!r}, which the rows of dataset {name} do not have"
                f"{did_you_mean(column, known)}",
                f"known: {listing(known)}",
            )
    sources = dict.fromkeys(column.source for column in columns)
    of_fields = ("code", "bag", "number", "text")
    fields = [column.source for column in columns if column.how in of_fields]
    check_names([*fields, *names_of(dataset.labels)], f"dataset {name}")
    missing = [f"{c!r}" + did_you_mean(c, relation.columns) for c in sources if c not in relation.columns]
    if missing:
        raise DataError(f"dataset {name}: its rows lack {', '.join(missing)}", "add the columns to `rows`")
    return relation


def _create_unsorted(table: Examples, relation: Relation) -> None:
    """Create the table `unsorted`: values of fields, numbers, labels."""
    columns = table.layout.columns
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    flags = {label.name for label in table.layout.labels if label.type.two_classes}
    chosen = []
    for key, (source, how, missing) in columns.items():
        value = SQL[how](quoted(source), kinds[source]) if how in SQL else quoted(source)
        value = f"CAST({quoted(source)} AS FLOAT)" if key in flags else value
        value = value if missing is None else f"coalesce({value}, {float(missing)!r})"
        chosen.append(f"{value} AS {quoted(key)}")
    try:
        create(table.db, "unsorted", relation.project(", ".join(chosen)))
    except duckdb.ConversionException as error:
        words = printable(str(error).splitlines()[0])
        raise DataError(
            f"dataset {table.name}: {words}",
            "dense fields, labels, weights and times of histories have to be numbers",
        ) from None
    except duckdb.InvalidInputException:
        single = [column.source for column in columns.values() if column.how in ("code", "text")]
        floats = [source for source in single if kinds[source] in ("DOUBLE", "FLOAT")]
        if not floats:
            raise
        hold = f"sparse fields hold text or integers, not fractions as in {listing(floats)}"
        raise DataError(
            f"dataset {table.name}: {hold}", "convert them to text, or declare a dense field or buckets"
        ) from None


def _sort(table: Examples) -> None:
    """Create `examples` from `unsorted`: values replaced by codes, sorted by all columns."""
    db, layout, columns = table.db, table.layout, table.layout.columns
    fields = layout.keys(*CODED)
    # Different values share a bucket: these fields are sorted by the value.
    hashed = [f for f in fields if f in layout.hashed and columns[f].how != "bag"]
    left = _number_most(db, [field for field in fields if field not in hashed], JOINED - len(hashed))
    joined = [*left, *hashed]
    code = {
        field: f"t{joined.index(field)}.code" if field in joined else _unsorted(field) for field in fields
    }
    flags = {label.name for label in layout.labels if label.type.two_classes}
    others = {
        column: f"CAST({_unsorted(column)} AS TINYINT)" if column in flags else _unsorted(column)
        for column in columns
        if column not in code
    }
    chosen = [f"{sql} AS {quoted(column)}" for column, sql in (code | others).items()]
    # Rows of a list are neighbours.
    lists = [code[layout.owner(name)] for name in layout.lists]
    lists += [others[key_of("time", name)] for name in layout.times]
    order = [*lists, *code.values(), *map(_unsorted, hashed), *others.values()]
    db.execute(
        f"CREATE TEMP TABLE examples AS SELECT {', '.join(chosen)} FROM unsorted {_joins(joined)} "
        f"ORDER BY {', '.join(order)}"
    )
    db.execute("DROP TABLE unsorted")


def _number_most(db: DB, fields: list[str], left: int) -> list[str]:
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
    known["hashed"] = dataset.layout.keys("code", "bag")
    known["min_count"] = names_of(dataset.layout.sparse)
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
    if other := next((h.time for h in dataset.layout.logged if h.time != dataset.time), None):
        fix = "use --set dataset.history_length=0"
        raise UsageError(f"{what} begins by {dataset.time}, and events have the time {other}", fix)
    divided = chosen.timed or dataset.settings.split == "time"
    if chosen.by == (USER,) and dataset.layout.logged and not divided:
        fix = "name a gap or a period: --set 'dataset.list={user, gap: 30m}'"
        raise UsageError(f"{what}: no event comes before a list of all rows of a user", fix)


def _check_values(table: Examples) -> None:
    """Check labels, numbers, weights and parts; missing labels and numbers are allowed."""
    db, columns, labels = table.db, table.layout.columns, {one.name: one.type for one in table.layout.labels}
    tests = {
        key: [one.format(quoted(key)) for one in RULES[of.how]]
        for key, of in columns.items()
        if of.how in RULES
    }
    for key, kind in labels.items():
        wrong = [f"NOT isfinite({quoted(key)})", *([f"{quoted(key)} <> floor({quoted(key)})"] * kind.whole)]
        wrong += [f"{quoted(key)} < {kind.low}"] * (kind.low > -inf)
        wrong += [f"{quoted(key)} > {kind.high}"] * (kind.high < inf)
        fix = "repair the raw file, and use null for an unknown label"
        tests[key] = [" OR ".join(wrong), f", allowed are {kind.allowed}", fix]
    if not tests:
        return
    combined = ", ".join(f"bool_or({test})" for test, *_ in tests.values())
    results = dict(zip(tests, db.execute(f"SELECT {combined} FROM unsorted").fetchall()[0], strict=True))
    for key in (key for key in columns if results.get(key)):
        test, allowed, fix = tests[key]
        [value] = db.execute(f"SELECT {quoted(key)} FROM unsorted WHERE {test} LIMIT 1").fetchall()[0]
        source, how, _ = columns[key]
        what = f"{how} {source}" if how in ("label", "weight") else source
        raise DataError(f"dataset {table.name}: {what} holds {printable(repr(value))}{allowed}", fix)
