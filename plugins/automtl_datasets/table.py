"""The dataset `table`: CSV, TSV or Parquet files of a user, described by settings in place of code.

`automtl data init FILE` writes these settings from the first rows of a file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import duckdb

from automtl_core.plugin import (
    AGE,
    FLAG,
    INTEGER,
    NUMBER,
    OWN,
    TEXT,
    UNUSED,
    WEIGHT,
    Bag,
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
    declaration_faults,
    did_you_mean,
    event_columns_of,
    field_from_settings,
    form_of,
    kind_names,
    label_column,
    label_of,
    literal,
    numbered,
    outcome_of,
    own,
    quoted,
    reading,
    reads_of,
    source_of,
    together,
    typed_time,
)
from automtl_datasets.table_settings import UNITS, FieldOfKind, TableSettings, VectorFile

TIME_COLUMN = Column("time", remedy="write all times as numbers, or all as dates such as 2024-01-31 23:59:59")
PART, TIME = f"{OWN}part of the table", f"{OWN}time of the row"
"""Names of added columns. They differ from `part` and from the time column, which a table may have
already."""
FIELDS = ("sparse", "multi", "dense", "labels")
APART = dict.fromkeys(FIELDS, FIELDS) | dict.fromkeys(("list", "vectors"), FIELDS[1:])
"""Role -> roles that its column cannot have too."""
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
        """Set the declarations of the settings.

        Raises:
            UsageError: the settings contradict each other; the message lists all faults.

        """
        chosen = self.settings
        self._of_kinds = _fields_of_kinds(chosen.fields, self.kind_of)
        self.fields = (
            *map(Sparse, chosen.sparse),
            *(Bag(name, sign) for name, sign in chosen.multi.items()),
            *(Dense(name, one.scaling, one.missing) for name, one in chosen.dense.items()),
            *(Vectors(f"{column}:vector", column) for column in chosen.vectors),
            *self._of_kinds,
        )
        self.labels = chosen.declared()
        self.user, self.time_column = chosen.user, chosen.time
        self.time = TIME if chosen.time else None
        self.time_unit = UNITS[chosen.time_unit]
        self.part = PART if "train" in chosen.files else None
        self.histories = self._history()
        faults = [f"dataset.{fault}" for fault in (*self._column_faults(), *chosen.faults())]
        faults = faults or [f"dataset: {fault}" for fault in declaration_faults(self)]
        if faults:
            raise UsageError("\n".join(faults), "correct the settings")

    def _history(self) -> tuple[History, ...]:
        """Return the history of the settings, if there is one."""
        chosen, declared = self.settings, self.settings.history
        if declared is None or (not declared.lists and chosen.user is None):
            return ()
        events = chosen.numbers_of_events()
        numbers = tuple(Dense(name, one.scaling, one.missing) for name, one in events.items())
        if lists := declared.lists:
            fields = tuple(name for name in lists if name in chosen.sparse)
            others = {*chosen.sparse, *events, "age", AGE}
            outcomes = tuple(name for name in lists if name not in others)
            held = History("past", "", "", fields, outcomes, numbers=numbers, lists=lists)
            return (replace(held, separator=declared.separator, blanks=chosen.blanks),)
        rows = not declared.files
        fields = declared.fields or tuple(name for name in chosen.sparse if name != chosen.user)
        outcomes, owner = declared.outcomes or chosen.flags(), chosen.user or ""
        once = rows and chosen.duplicates == "drop"
        return (History("past", owner, TIME, fields, outcomes, rows, numbers=numbers, distinct=once),)

    def files(self) -> Mapping[str, RawFile]:
        """Return each file or pattern as a separate table; none without settings.

        Raises:
            UsageError: there is no field or no label.

        """
        chosen = self.settings
        if chosen.files and not chosen.labels:
            raise UsageError(
                "dataset.labels names no column", "name the columns to predict, such as `labels: [click]`"
            )
        if chosen.files and not self.fields:
            raise UsageError(
                "dataset.sparse, dense and multi name no column", "name the columns to predict from"
            )
        tables = {table: self._file(pattern, self._columns()) for table, pattern in self._tables().items()}
        logs = {table: self._log(pattern) for table, pattern in self._tables(logs=True).items()}
        return {**tables, **logs, **_vector_files(self.settings.vectors)}

    def new_file(self, path: str, labelled: bool) -> RawFile:
        """Return the layout of new rows: no time column, and labels and columns of lists only if `labelled`.

        Files without a header must have all columns in their order, even those that are not read.
        """
        reads, roles = self.layout.reads, self._roles
        used = {*reads, *roles["history.lists"], *(roles["labels"] | roles["list"] if labelled else ())}
        as_trained = "write it as in the training rows, or leave it blank"
        optional = {name for name, read in reads.items() if read.missing is not None}
        columns = {
            name: replace(column, required=False, remedy=as_trained, optional=name in optional, setting="")
            for name, column in self._columns().items()
        }
        return reading(self._file(path, columns), {*columns} - used)

    def event_file(self, path: str, history: History) -> RawFile:
        """Return the layout of a log of new events: that of the log, or of the rows that are the events.

        A log of rows may lack the columns that events do not have, unless equal rows are one event.
        """
        if not history.of_rows:
            return self._log(path)
        columns = {n: replace(c, optional=False, setting="") for n, c in self._columns().items()}
        file, used = self._file(path, columns), event_columns_of(self, history, {})
        return file if history.distinct or not file.header else reading(file, {*columns} - {*used})

    def _file(self, pattern: str, columns: Mapping[str, Column]) -> RawFile:
        """Return the layout of a file of rows or events."""
        chosen, header = self.settings, not self.settings.columns
        columns = {name: replace(column, blanks=chosen.blanks) for name, column in columns.items()}
        return RawFile(pattern, columns, header, header, chosen.separator or "", chosen.encoding or "")

    def _tables(self, logs: bool = False) -> dict[str, str]:
        """Return the file pattern of each table of rows, or of events that are read, by its name."""
        history = self.settings.history
        events = history.files if history and self.layout.histories else ()
        files: Mapping[Any, Sequence[str]] = {"events": events} if logs else self.settings.files
        return {f"{part} {n}": file for part, patterns in files.items() for n, file in enumerate(patterns)}

    def _log(self, pattern: str) -> RawFile:
        """Return the layout of a file of events, which has a header."""
        columns = event_columns_of(self, self.histories[0], self._roles["sparse"])
        columns[self.settings.time or ""] = replace(TIME_COLUMN, required=True)
        columns = {name: replace(column, setting="dataset.history") for name, column in columns.items()}
        return replace(self._file(pattern, columns), header=True, others=True)

    @cached_property
    def _roles(self) -> dict[str, dict[str, Column]]:
        """The columns of the rows by the setting that names them; the first setting decides."""
        chosen, labels = self.settings, {label.name for label in self.labels}
        text = "take it as text: dataset.sparse.{}: text"
        number = "if it is no value: --set 'dataset.blanks=[{value}]'; take categories by dataset.sparse"
        logged = [one for one in self.histories if one.of_rows and not one.lists]
        outcomes = [source_of(name) for one in logged for name in one.outcomes if name not in labels]
        lists = [history for history in self.layout.histories if history.lists]
        return {
            "sparse": {
                name: replace(INTEGER, remedy=text.format(name)) if kind == "integer" else TEXT
                for name, kind in chosen.sparse.items()
            },
            "multi": {name: Column(separator=sign) for name, sign in chosen.multi.items()},
            "dense": dict.fromkeys(chosen.dense, replace(NUMBER, remedy=number)),
            "labels": {label.source: _column_of(label) for label in self.labels},
            "fields": {name: column_of(read) for name, read in reads_of(self._of_kinds).items()},
            "history.numbers": {
                number.name: NUMBER for one in logged for number in one.numbers if number.name not in labels
            },
            "vectors": dict.fromkeys(chosen.vectors, TEXT),
            "history.lists": columns_of_lists(lists),
            "history": dict.fromkeys(sorted(c for c, text in outcomes if text is not None), TEXT),
            "weights": dict.fromkeys(self.layout.weights.values(), WEIGHT),
            "list": dict.fromkeys(self.layout.lists, TEXT),
            "time": {chosen.time: TEXT} if chosen.time else {},
        }

    def _column_faults(self) -> Iterator[str]:
        """Yield a sentence for each column, and name of a label, that other settings give another meaning."""
        listed, named = self.settings.columns, dict[str, tuple[str, str]]()
        roles = [(role, name) for role, columns in self._roles.items() for name in columns]
        for role, name in dict.fromkeys([*roles, *(("labels", label.name) for label in self.labels)]):
            other, same = named.setdefault(name.lower(), (role, name))
            if not name:
                yield f"{role} names a column without a name; give it a name in the file"
            if name != same:
                yield f"{role} names {name!r}, and {other} {same!r}, different only in case; rename one"
            elif role != other and other in APART.get(role, ()):
                yield f"{role} names {name!r}, and so does {other}; leave it in one of them"
            if listed and name in self._roles[role] and name not in listed:
                yield f"{role} names {name!r}, which is not in `columns`{did_you_mean(name, listed)}"

    def _columns(self) -> dict[str, Column]:
        """Return the used columns, the time first; all columns if files have no header."""
        roles = self._roles
        used = {name: column for role in reversed(roles) for name, column in roles[role].items()}
        parts = [field for field in self._of_kinds if isinstance(field, TimePart)]
        times = self._ordering() | {name for field in parts for name in field.reads()}
        used |= {name: TIME_COLUMN for name in times if used[name] == TEXT}
        used |= {name: replace(used[name], required=True) for name in self._ordering()}
        settings = {name: f"dataset.{role}" for role in reversed(roles) for name in roles[role]}
        used = {name: replace(one, setting=one.setting or settings[name]) for name, one in used.items()}
        names = dict.fromkeys([*roles["time"], *(name for columns in roles.values() for name in columns)])
        return {name: used.get(name, UNUSED) for name in self.settings.columns or names}

    def _ordering(self) -> set[str]:
        """Return the time column, if rows are ordered by it."""
        listed = self.settings.list is not None and self.settings.list.timed
        ordered = listed or self.settings.split == "time" or bool(self.layout.histories)
        return {self.settings.time} if self.settings.time and ordered else set()

    def content(self) -> None:
        """Return None, because the rows depend on nothing but the files.

        Raises:
            UsageError: there are no settings, and so no files.

        """
        if not self.settings.files:
            raise UsageError(
                "dataset table reads your own files, and needs settings that describe them",
                "give the table, such as automtl search FILE, or settings by `automtl data init FILE`",
            )

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Combine the files, and translate labels and blanks."""
        labels, roles = {label.name: label for label in self.labels}, self._roles
        more = [name for role in ("history.numbers", "list", "weights") for name in roles[role]]
        chosen = {name: quoted(name) for name in (*self.layout.reads, *more)}
        chosen |= self._outcomes(of_rows=True) | {name: label_of(name, labels) for name in labels}
        if time := self.settings.time:
            chosen[TIME] = quoted(time)
            if time in self._ordering():
                chosen[TIME] = typed_time(db, time, self._all(), self._tables())
                self._check_unit(db, chosen[TIME])
        if self.part:
            chosen[PART] = quoted(PART)
        chosen |= _lists(db, roles["history.lists"], self._tables())
        columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in chosen.items())
        rows = db.sql(f"SELECT {columns} FROM ({self._all()})")
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
        values = f"trim(unnest(string_split(bag, {literal(self.layout.reads[field].separator)})))"
        return db.sql(f"SELECT bag, {values} AS value FROM ({bags})").filter("value <> ''")

    def vectors(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return the rows of a file of vectors."""
        column = field.removesuffix(":vector")
        named = self.settings.vectors[column]
        chosen = f"{quoted(named.id or column)} AS id, {quoted(named.vector)} AS vector"
        return db.sql(f"SELECT {chosen} FROM {quoted(field)}")

    def events(self, db: duckdb.DuckDBPyConnection, history: str) -> duckdb.DuckDBPyRelation:
        """Combine the files of events."""
        log = self._all(logs=True)
        time = typed_time(db, self.settings.time or "", log, self._tables(logs=True))
        made = {TIME: time, **self._outcomes(of_rows=False)}
        columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in made.items())
        return db.sql(f"SELECT *, {columns} FROM ({log})")

    def _outcomes(self, of_rows: bool) -> dict[str, str]:
        """Return SQL for the outcomes that are texts of a column, of rows or of files of events."""
        used = [o for h in self.layout.histories if h.of_rows == of_rows and not h.lists for o in h.outcomes]
        return {name: outcome_of(name) for name in used if source_of(name)[1] is not None}

    def _all(self, logs: bool = False) -> str:
        return " UNION ALL BY NAME ".join(
            f"SELECT *, {literal(table.split()[0])} AS {quoted(PART)} FROM {quoted(table)}"
            for table in self._tables(logs)
        )


def _column_of(label: Label) -> Column:
    remedy = (
        f"name the values that mean 1: dataset.labels.{label.name}.positive: ['{{value}}'] if {{value}} is "
        f"one of them; or predict a number: dataset.labels.{label.name}.kind: regression"
    )
    way = f"dataset.labels (or set its column: dataset.labels: {{{label.name!r}: {{column: ...}}}})"
    texts = label.positive or label.kind not in kind_names()  # the latter is a fault
    column = TEXT if texts else label_column(label, replace(FLAG, remedy=remedy))
    return replace(column, setting=way if "=" in label.name else "")


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
    db: duckdb.DuckDBPyConnection, columns: Mapping[str, Column], tables: Iterable[str]
) -> dict[str, str]:
    """Return SQL for each list column, after a check that the lists of a row are equally long.

    A blank beside lists of one entry is one blank entry, since a single blank entry and an empty list are the
    same text.

    Raises:
        FaultyRowError: they are not equally long.

    """
    lists = {
        name: f"string_split(nullif({quoted(name)}, ''), {literal(column.separator)})"
        for name, column in columns.items()
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
    one_blank = f"IS NULL AND {longest} = 1 THEN [''] ELSE"
    return {name: f"CASE WHEN {entries} {one_blank} {entries} END" for name, entries in lists.items()}


def _vector_files(vectors: Mapping[str, VectorFile]) -> dict[str, RawFile]:
    """Return the layouts of the files of vectors, by the name of their table."""
    files = {}
    for column, named in vectors.items():
        setting = f"dataset.vectors.{column}"
        numbers = Column("vector", separator="|", setting=setting)
        columns = {named.id or column: Column(setting=setting), named.vector: numbers}
        files[f"{column}:vector"] = RawFile(named.file, columns, others=True)
    return files
