"""The dataset `table`: CSV, TSV or Parquet files of a user, described by settings in place of code.

`automtl data init FILE` writes these settings from the first rows of a file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb

from automtl_core.plugin import (
    FLAG,
    INTEGER,
    NUMBER,
    OWN,
    TEXT,
    UNUSED,
    WEIGHT,
    Bag,
    Bucketed,
    Column,
    DataError,
    Dataset,
    Dense,
    FaultyRowError,
    FieldKind,
    History,
    KindOf,
    Label,
    RawFile,
    Sparse,
    TimePart,
    UnknownNameError,
    UsageError,
    Vectors,
    column_of,
    columns_of_lists,
    count,
    declaration_faults,
    event_columns_of,
    field_from_settings,
    form_of,
    histories_of,
    label_column,
    label_of,
    literal,
    numbered,
    outcome_of,
    own,
    quoted,
    reads_of,
    source_of,
    together,
    typed_time,
    weights_of,
)
from automtl_datasets.table_settings import UNITS, FieldOfKind, TableSettings, VectorFile, separator_of

TIME_COLUMN = Column("time", remedy="write all times as numbers, or all as dates such as 2024-01-31 23:59:59")
PART, TIME = f"{OWN}part of the table", f"{OWN}time of the row"
"""Names of added columns. They differ from `part` and from the time column, which a table may have
already."""
UNREAD = ("time", "list", "history", "history.numbers", "labels", "weights")
"""Roles of columns that new rows may lack, unless they are fields."""
RECENT = (631_152_000, 2_208_988_800)
"""The beginning of 1990 and of 2040, in seconds since 1970."""


class Table(Dataset[TableSettings]):
    """Your own CSV, TSV or Parquet files, plain, .gz or .zst; see `automtl data init`."""

    version = 3
    preparation = (
        "Rows are not changed. A blank label is missing. A blank number is missing too, unless `missing` "
        "replaces it; `features.numbers` says how a network reads it. A blank in a categorical field is an "
        "unseen id."
    )

    def declare(self) -> None:
        """Set the declarations of the settings. Numbers in buckets are sparse fields, after the other ones.

        Raises:
            UsageError: the settings contradict each other; the message lists all faults.

        """
        chosen = self.settings
        self._of_kinds = _fields_of_kinds(chosen.fields, self.kind_of)
        faults = [f"dataset.{fault}" for fault in chosen.faults(reads_of(self._of_kinds))]
        if not faults:
            numbers = chosen.dense.items()
            self.fields = (
                *map(Sparse, chosen.sparse),
                *(Bag(name, sign) for name, sign in chosen.multi.items()),
                *(Bucketed(name, n.buckets, n.missing) for name, n in numbers if n.buckets),
                *(Dense(name, n.scaling, n.missing) for name, n in numbers if not n.buckets),
                *map(_vector_field, chosen.vectors),
                *self._of_kinds,
            )
            self.labels = tuple(chosen.declared().values())
            self.user, self.time_column = chosen.user, chosen.time
            self.time = TIME if chosen.time else None
            self.time_unit = UNITS[chosen.time_unit]
            self.part = PART if "train" in chosen.files else None
            self.histories = self._history()
            faults = [f"dataset: {fault}" for fault in declaration_faults(self)]
        if faults:
            raise UsageError("\n".join(faults), "correct the settings")

    def _history(self) -> tuple[History, ...]:
        """Return the history of the settings, if there is one."""
        chosen = self.settings
        declared = chosen.history
        if declared is None or (not declared.lists and chosen.user is None):
            return ()
        rows = not declared.files
        past = History(
            "past",
            chosen.user or "",
            TIME,
            chosen.history_fields(),
            chosen.history_outcomes(),
            rows,
            numbers=tuple(Dense(name, one.scaling, one.missing) for name, one in declared.numbers.items()),
            distinct=rows and chosen.duplicates == "drop",
        )
        if not declared.lists:
            return (past,)
        held = replace(past, lists=declared.lists, separator=declared.separator, blanks=chosen.blanks)
        return (replace(held, by="", time="", distinct=False),)

    def files(self) -> Mapping[str, RawFile]:
        """Return each file or pattern as a separate table; none without settings.

        Raises:
            UsageError: there is no field or no label, or a column has no name.

        """
        chosen = self.settings
        if "" in {*chosen.sparse, *chosen.dense, *chosen.multi, *chosen.labels}:
            raise UsageError(
                "dataset: a column without a name is a field or label", "give it a name in the file"
            )
        if chosen.files and not chosen.labels:
            raise UsageError(
                "dataset.labels names no column", "name the columns to predict, such as `labels: [click]`"
            )
        if chosen.files and not self.fields:
            raise UsageError(
                "dataset.sparse, dense and multi name no column", "name the columns to predict from"
            )
        tables = {table: self._file(pattern, self._columns()) for table, _, pattern in self._tables()}
        logs = {table: self._log(pattern) for table, pattern in self._logs()}
        return {**tables, **logs, **_vector_files(self.settings.vectors)}

    def new_file(self, path: str, labelled: bool) -> RawFile:
        """Return the layout of new rows: no time column, and labels and columns of lists only if `labelled`.

        Files without a header must have all columns in their order, even those that are not read.
        """
        reads, roles = reads_of(self.fields), self._roles()
        unread = {name for role in UNREAD for name in roles[role]}
        unread -= {*reads}
        unread -= {*roles["labels"], *roles["list"]} if labelled else set()
        as_trained = "write it as in the training rows, or leave it blank"
        held = self._columns().items()
        columns = {name: replace(column, required=False, remedy=as_trained) for name, column in held}
        if self.settings.columns:
            return self._file(path, {n: UNUSED if n in unread else c for n, c in columns.items()})
        optional = {name for name, read in reads.items() if read.missing is not None}
        used = {n: replace(c, optional=n in optional) for n, c in columns.items() if n not in unread}
        return replace(self._file(path, used), named_by={})

    def event_file(self, path: str, history: History) -> RawFile:
        """Return the layout of a log of new events: that of the log, or of the rows that are the events.

        A log of rows may lack the columns that events do not have, unless equal rows are one event.
        """
        chosen = self.settings
        if not history.of_rows:
            return self._log(path)
        columns = {name: replace(column, optional=False) for name, column in self._columns().items()}
        if chosen.columns:
            return self._file(path, columns)
        if not history.distinct:
            labels = {name for name in history.numeric if name in chosen.labels}
            given = {other for name in labels if (other := chosen.labels[name].given)}
            sources = chosen.label_columns()
            used = {history.by, chosen.time, *history.fields, *chosen.texts_of_outcomes()}
            used |= {sources[name] for name in labels | given}
            columns = {name: column for name, column in columns.items() if name in used}
        return replace(self._file(path, columns), named_by={})

    def _file(self, pattern: str, columns: Mapping[str, Column], named_by: str = "") -> RawFile:
        """Return the layout of a file of rows; if one setting names all columns, that of another file."""
        chosen = self.settings
        header = bool(named_by) or not chosen.columns
        return RawFile(
            pattern,
            {name: replace(column, blanks=chosen.blanks) for name, column in columns.items()},
            header=header,
            others=header,
            named_by=dict.fromkeys(columns, named_by) if named_by else self._settings_of_columns(),
            separator=chosen.separator or separator_of(pattern),
            encoding=chosen.encoding or "",
        )

    def _lists(self) -> tuple[History, ...]:
        """Return the history whose events the rows hold as lists, if there is one and it is used."""
        return tuple(history for history in histories_of(self) if history.lists)

    def _list_columns(self) -> Sequence[str]:
        """Return the columns whose values the rows of a list share."""
        chosen = self.settings
        return chosen.list.columns(chosen.user) if chosen.list else ()

    def _tables(self) -> Iterator[tuple[str, str, str]]:
        """Yield the name, the part and the file pattern of each table."""
        for part, patterns in self.settings.files.items():
            for n, pattern in enumerate(patterns):
                yield f"{part} {n}", part, pattern

    def _logs(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the file pattern of each table of events, if they are read."""
        history = self.settings.history
        if history is not None and histories_of(self):
            yield from ((f"events {n}", pattern) for n, pattern in enumerate(history.files))

    def _log(self, pattern: str) -> RawFile:
        """Return the layout of a file of events."""
        columns = event_columns_of(self, self.histories[0], self._roles()["sparse"])
        columns[self.settings.time or ""] = replace(TIME_COLUMN, required=True)
        return self._file(pattern, columns, "dataset.history")

    def _roles(self) -> dict[str, dict[str, Column]]:
        """Return the columns of the rows by the setting that names them; the first setting decides."""
        chosen = self.settings
        text = "take it as text: dataset.sparse.{}: text"
        number = "if it is no value: --set 'dataset.blanks=[{value}]'; take categories by dataset.sparse"
        return {
            "sparse": {
                name: replace(INTEGER, remedy=text.format(name)) if kind == "integer" else TEXT
                for name, kind in chosen.sparse.items()
            },
            "multi": {name: Column(separator=sign) for name, sign in chosen.multi.items()},
            "dense": dict.fromkeys(chosen.dense, replace(NUMBER, remedy=number)),
            "labels": {label.source: _column_of(label) for label in self.labels},
            "fields": {name: column_of(read) for name, read in reads_of(self._of_kinds).items()},
            "history.numbers": dict.fromkeys(chosen.numbers_of_rows(), NUMBER),
            "vectors": dict.fromkeys(chosen.vectors, TEXT),
            "history.lists": columns_of_lists(self._lists()),
            "history": dict.fromkeys(sorted(chosen.texts_of_outcomes()), TEXT),
            "weights": dict.fromkeys(weights_of(self).values(), WEIGHT),
            "list": dict.fromkeys(self._list_columns(), TEXT),
            "time": {chosen.time: TEXT} if chosen.time else {},
        }

    def _columns(self) -> dict[str, Column]:
        """Return the used columns, the time first; all columns if files have no header."""
        roles = self._roles()
        used = {name: column for role in reversed(roles) for name, column in roles[role].items()}
        parts = [field for field in self._of_kinds if isinstance(field, TimePart)]
        times = self._ordering() | {name for field in parts for name in field.reads()}
        used |= {name: TIME_COLUMN for name in times if used[name] == TEXT}
        used |= {name: replace(used[name], required=True) for name in self._ordering()}
        names = dict.fromkeys([*roles["time"], *(name for columns in roles.values() for name in columns)])
        return {name: used.get(name, UNUSED) for name in self.settings.columns or names}

    def _ordering(self) -> set[str]:
        """Return the time column, if rows are ordered by it."""
        listed = self.settings.list is not None and self.settings.list.timed
        ordered = listed or self.settings.split == "time" or bool(histories_of(self))
        return {self.settings.time} if self.settings.time and ordered else set()

    def content(self) -> None:
        """Return None, because the rows depend on nothing but the files.

        Raises:
            UsageError: there are no settings, and so no files.

        """
        if not self.settings.files:
            raise UsageError(
                "dataset table reads your own files, and needs settings that describe them",
                "write them by `automtl data init FILE`, then give them by --config",
            )

    def _settings_of_columns(self) -> dict[str, str]:
        """Return the setting that names each column."""
        roles, way = self._roles(), " (or set its column: dataset.labels: {{{!r}: {{column: ...}}}})"
        settings = {name: f"dataset.{role}" for role in reversed(roles) for name in roles[role]}
        texts = {c: name for name, c in self.settings.label_columns().items() if "=" in name}
        return settings | {column: f"dataset.labels{way.format(name)}" for column, name in texts.items()}

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Combine the files, and translate labels and blanks."""
        labels = self.settings.declared()
        chosen = [
            *map(quoted, reads_of(self.fields)),
            *(f"{label_of(name, labels)} AS {quoted(name)}" for name in labels),
        ]
        read = {*reads_of(self.fields), *labels}
        more = [*self.settings.numbers_of_rows(), *self._list_columns(), *weights_of(self).values()]
        chosen += [quoted(name) for name in dict.fromkeys(more) if name not in read]
        if time := self.settings.time:
            tables = [table for table, *_ in self._tables()]
            known = quoted(time)
            if time in self._ordering():
                known = typed_time(db, time, self._all(), tables)
                self._check_unit(db, known)
            chosen.append(f"{known} AS {quoted(TIME)}")
        if self.part:
            chosen.append(quoted(PART))
        chosen += [f"{outcome_of(o)} AS {quoted(o)}" for o in self._outcomes(of_rows=True)]
        chosen += _lists(db, self._lists(), [table for table, *_ in self._tables()])
        rows = db.sql(f"SELECT {', '.join(chosen)} FROM ({self._all()})")
        return rows.distinct() if self.settings.duplicates == "drop" else rows

    def _check_unit(self, db: duckdb.DuckDBPyConnection, time: str) -> None:
        """Check that times which are numbers have the unit of the settings.

        Raises:
            DataError: most of them are recent years in another unit.

        """
        times = db.sql(f"SELECT {time} AS time FROM ({self._all()})")
        if form_of(str(times.types[0])) != "number":
            return
        [middle] = times.aggregate("approx_quantile(CAST(time AS DOUBLE), 0.5)").fetchall()[0]
        units = [name for name, size in UNITS.items() if RECENT[0] <= (middle or 0) * size < RECENT[1]]
        chosen = self.settings.time_unit
        if units and chosen not in units:
            raise DataError(
                f"dataset table: times in the column {self.settings.time} are about {middle:.0f}, which is "
                f"in recent years in {units[0]}, but not in {chosen}",
                f"name their unit: --set dataset.time_unit={units[0]}",
            )

    def values(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Split the texts of a multi-valued field into values, without the blanks around a value."""
        bags = f"SELECT DISTINCT {quoted(field)} AS bag FROM ({self._all()})"
        values = f"trim(unnest(string_split(bag, {literal(reads_of(self.fields)[field].separator)})))"
        return db.sql(f"SELECT bag, {values} AS value FROM ({bags})").filter("value <> ''")

    def vectors(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return the rows of a file of vectors, or those of an array beside its values.

        Raises:
            DataError: there are more vectors than values, or fewer.

        """
        column = next(name for name in self.settings.vectors if _vector_field(name).name == field)
        named, table, ids = self.settings.vectors[column], quoted(field), quoted(f"{field} ids")
        if named.ids is None:
            chosen = f"{quoted(named.id or column)} AS id, {quoted(named.vector)} AS vector"
            return db.sql(f"SELECT {chosen} FROM {table}")
        counts = [count(db, name) for name in (table, ids)]
        if counts[0] != counts[1]:
            fault = f"{named.file} has {counts[0]} vectors, and {named.ids} has {counts[1]} values"
            raise DataError(f"dataset table: {fault}", "write one value for each vector, in the same order")
        return db.sql(f"SELECT id, vector FROM {ids} POSITIONAL JOIN {table}")

    def events(self, db: duckdb.DuckDBPyConnection, history: str) -> duckdb.DuckDBPyRelation:
        """Combine the files of events."""
        together = self._all_events()
        time = typed_time(db, self.settings.time or "", together, [table for table, _ in self._logs()])
        derived = [f"{outcome_of(o)} AS {quoted(o)}" for o in self._outcomes(of_rows=False)]
        return db.sql(f"SELECT *, {', '.join([f'{time} AS {quoted(TIME)}', *derived])} FROM ({together})")

    def _all_events(self) -> str:
        return " UNION ALL BY NAME ".join(f"FROM {quoted(table)}" for table, _ in self._logs())

    def _outcomes(self, of_rows: bool) -> list[str]:
        """Return the outcomes that are texts of a column, of rows or of files of events."""
        used = [o for h in histories_of(self) if h.of_rows == of_rows and not h.lists for o in h.outcomes]
        known = self.settings.labels if of_rows else ()
        return [outcome for outcome in used if source_of(outcome)[1] is not None and outcome not in known]

    def _all(self) -> str:
        return " UNION ALL BY NAME ".join(
            f"SELECT *, {literal(part)} AS {quoted(PART)} FROM {quoted(table)}"
            for table, part, _ in self._tables()
        )


def _column_of(label: Label) -> Column:
    remedy = (
        f"name the values that mean 1: dataset.labels.{label.name}.positive: ['{{value}}'] if {{value}} is "
        f"one of them; or predict a number: dataset.labels.{label.name}.kind: regression"
    )
    return TEXT if label.positive else label_column(label, replace(FLAG, remedy=remedy))


def _fields_of_kinds(chosen: Mapping[str, FieldOfKind], kind_of: KindOf) -> tuple[FieldKind, ...]:
    """Return the fields whose kind is named; raises a `UsageError` with all faults."""
    fields, faults = [], []
    for name, field in chosen.items():
        where = f"dataset.fields.{name}"
        try:
            kind = kind_of(field.kind)
            fields.append(field_from_settings(kind, name, field.model_extra or {}, where, field.kind))
        except UnknownNameError as error:
            faults.append(UsageError(f"{where}.kind: {error}", error.fix))
        except UsageError as error:
            faults.append(error)
    if faults:
        raise together(faults)
    return tuple(fields)


def _lists(
    db: duckdb.DuckDBPyConnection, histories: Iterable[History], tables: Sequence[str]
) -> Iterator[str]:
    """Yield SQL for each list column of histories, after a check that the lists of a row are equally long.

    A blank beside lists of one entry is one blank entry, since a single blank entry and an empty list are the
    same text.

    Raises:
        FaultyRowError: they are not equally long.

    """
    lists = {
        name: f"string_split(nullif({quoted(name)}, ''), {literal(column.separator)})"
        for name, column in columns_of_lists(histories).items()
    }
    longest = f"greatest({', '.join(f'coalesce(len({entries}), 0)' for entries in lists.values())})"
    row = own("row")
    for name, entries in lists.items():
        length = f"coalesce(len({entries}), 0)"
        wrong = f"{length} <> {longest} AND NOT ({length} = 0 AND {longest} = 1)"
        for table in tables:
            query = f"SELECT {row}, {length}, {longest} FROM {numbered(quoted(table))} WHERE {wrong}"
            for place, length_of, most in db.execute(f"{query} ORDER BY {row} LIMIT 1").fetchall():
                fault = f"{name} has {length_of} entries, and another list of events {most}"
                raise FaultyRowError(fault, "give one entry for each event", table, place)
        yield f"CASE WHEN {entries} IS NULL AND {longest} = 1 THEN [''] ELSE {entries} END AS {quoted(name)}"


def _vector_field(column: str) -> Vectors:
    """Return the field with the vectors of the values of a column."""
    return Vectors(f"{column}:vector", column)


def _vector_files(vectors: Mapping[str, VectorFile]) -> dict[str, RawFile]:
    """Return the layouts of the files of vectors, by the name of their table."""
    files, numbers = {}, Column("vector", separator="|")
    for column, named in vectors.items():
        table = _vector_field(column).name
        if named.ids is None:
            columns = {named.id or column: TEXT, named.vector: numbers}
            named_by = dict.fromkeys(columns, f"dataset.vectors.{column}")
            sign = separator_of(named.file)
            files[table] = RawFile(named.file, columns, others=True, named_by=named_by, separator=sign)
        else:
            files[table] = RawFile(named.file, {"vector": numbers}, header=False)
            files[f"{table} ids"] = RawFile(named.ids, {"id": TEXT}, header=False)
    return files
