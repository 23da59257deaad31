"""Rows of a dataset as files in the format of new rows: all of them, or a sample beside prepared data.

A sample has the events of its owners. Each run encodes it as new rows, and compares the result with the
prepared rows: see `workflow.data_checks`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from automtl_core.data.event_log import OWNER
from automtl_core.data.frames import hashes_of_rows, with_columns, with_events
from automtl_core.data.known import Hashes, Seen, digest_of
from automtl_core.data.lists import columns_of_rows
from automtl_core.data.store import SAMPLE, SAMPLED_EVENTS, SAMPLED_ROWS
from automtl_core.dataset.dataset import (
    WEIGHT,
    Column,
    Dataset,
    RawFile,
    list_columns,
    names_of,
    reads_of,
    time_column_of,
    weights_of,
)
from automtl_core.dataset.declarations import History
from automtl_core.dataset.lists import Lists
from automtl_core.errors import RunExistsError
from automtl_core.fields.encode import OWN, texts
from automtl_core.prepare.events import event_table
from automtl_core.prepare.examples import owner_key, rows_of
from automtl_core.prepare.values import codes
from automtl_core.raw.connection import workshop
from automtl_core.raw.find import find
from automtl_core.raw.load import read
from automtl_core.raw.sql import as_seconds, category, create, literal, own, quoted, typed_time
from automtl_core.system.files import publish_file
from automtl_core.system.progress import Progress, silent

ROWS, EVENTS = 200, 100_000
"""Largest numbers of rows of a sample, and of their events."""
RAW, SOME = "raw rows", "rows of the sample"


def write_sample(
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    rows: duckdb.DuckDBPyRelation,
    histories: Sequence[History],
    lists: Lists | None,
    work_dir: Path,
    draft: Path,
) -> None:
    """Write the sample to a folder of prepared data.

    If the split is by time or by files, these are test rows. Nothing is written for a dataset whose new rows
    have a format of their own, and that does not define `raw_rows`, or whose raw rows lack the weights.

    Args:
        db: Database with the tables of preparation.
        dataset: The adapter.
        rows: Its rows.
        histories: The histories of the rows.
        lists: The rule by which they form lists; all rows of those that share a list are in the sample.
        work_dir: Folder that the database may write to.
        draft: Folder of the prepared data, with the arrays of its parts.

    """
    cls = type(dataset)
    plain = cls.new_file is Dataset.new_file and cls.new_rows is Dataset.new_rows
    if cls.raw_rows is Dataset.raw_rows and not plain:
        return
    raw, weights = dataset.raw_rows(db, rows), dict.fromkeys(weights_of(dataset).values(), WEIGHT)
    if not weights.keys() <= {*raw.columns}:
        return  # whether a row was left out cannot be told
    if lists is not None and dataset.settings.split == "time" and dataset.settings.split_seed:
        return  # owners have lists that are left out; the last window has a sample
    (draft / SAMPLE).mkdir()
    logged = [history for history in histories if not history.lists]
    # Texts of Parquet files and of data frames may have no form in delimited text.
    delimited = any(Path(one.path).suffix not in (".parquet", ".npy") for one in dataset.files().values())
    ending = ".csv" if delimited else ".parquet"
    file = dataset.new_file(f"{SAMPLED_ROWS}{ending}", labelled=True)
    file = with_events(file, dataset, logged or histories, bool(logged))
    if lists is not None:
        file = with_columns(file, columns_of_rows(lists, file.columns))
    file = with_columns(file, weights)
    db.register(RAW, raw)
    test = "true" if lists is not None else _is_test(db, dataset, draft)
    texts = _texts(db, dataset, file.columns, logged)
    db.execute(f"CREATE TEMP TABLE {quoted(SOME)} AS {_chosen(dataset, texts, test, file, logged, lists)}")
    _copy(db, f"SELECT {_names(file)} FROM {quoted(SOME)}", file, work_dir, draft / SAMPLE)
    for history in logged[:1]:
        log, by = dataset.event_file(f"{SAMPLED_EVENTS}{ending}", history), quoted(history.by)
        db.register(RAW, dataset.raw_events(db, rows, history))
        events = f"{_texts(db, dataset, log.columns, [history])} FROM {quoted(RAW)}"
        # The events are in no order of time, and no history may depend on their order.
        query = f"SELECT {_names(log)} FROM ({events}) WHERE {by} IN (SELECT {by} FROM {quoted(SOME)}) "
        query += f"ORDER BY hash({_names(log)})"
        _copy(db, query, log, work_dir, draft / SAMPLE)


def _chosen(
    dataset: Dataset, texts: str, test: str, file: RawFile, logged: Sequence[History], lists: Lists | None
) -> str:
    """Return a query of the rows with the least hashes: of owners with few events first, while these fit.

    With lists, those of some values in the columns of lists are chosen, in all parts.
    """
    order, query = f"hash({_names(file)})", f"{texts} FROM {quoted(RAW)} WHERE {test}"
    if lists is not None:
        key = ", ".join(map(quoted, lists.by))
        counted = f"SELECT *, count(*) OVER (PARTITION BY {key}) AS {own('rows')} FROM ({query})"
        window = f"OVER (ORDER BY {own('rows')} > {ROWS // 4}, hash({key}))"  # of all rows with equal values
        fits = f"count(*) {window} <= {ROWS} OR rank() {window} = 1"
        return f"SELECT * FROM ({counted}) QUALIFY {fits} ORDER BY {order}"
    if not logged:
        return f"{query} ORDER BY {order} LIMIT {ROWS}"
    key, events, owner = codes(owner_key(dataset, logged[0].by)), own("events"), own("owner")
    counts = (
        f"SELECT CAST(c.value AS VARCHAR) AS {owner}, count(*) AS {events} "
        f"FROM {event_table(logged[0])} AS e JOIN {key} AS c ON c.code = e.{OWNER} GROUP BY 1"
    )
    query = (
        f"SELECT t.*, coalesce(n.{events}, 0) AS {events} FROM ({query}) AS t LEFT JOIN ({counts}) AS n "
        f"ON n.{owner} = t.{quoted(logged[0].by)}"
    )
    order = f"{events} > {EVENTS // ROWS}, {order}"
    window = f"OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING)"
    return (
        f"SELECT * FROM (SELECT * FROM ({query}) ORDER BY {order} LIMIT {ROWS}) "
        f"QUALIFY sum({events}) {window} <= {EVENTS} OR count(*) {window} = 1"
    )


def _is_test(db: duckdb.DuckDBPyConnection, dataset: Dataset, draft: Path) -> str:
    """Return SQL that is true for raw rows which are test rows; for all rows if the split does not tell."""
    if dataset.part:
        return f"{quoted(dataset.part)} = 'test'"
    if dataset.time is None or dataset.settings.split != "time":
        return "true"
    times = np.load(draft / "test" / "times.npy", mmap_mode="r")
    time = typed_time(db, dataset.time_column or dataset.time, f"FROM {quoted(RAW)}", [RAW])
    kind = str(db.sql(f"SELECT {time} AS time FROM {quoted(RAW)}").types[0])
    of_codes = db.execute(f"SELECT typeof(value) FROM {codes(dataset.time)} LIMIT 1").fetchall()[0][0]
    ends = [
        f"(SELECT {as_seconds('value', of_codes)} FROM {codes(dataset.time)} WHERE code = {code - 1})"
        for code in (int(times.min()), int(times.max()))
    ]
    return f"{as_seconds(f'({time})', kind)} BETWEEN {' AND '.join(ends)}"


def _texts(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, columns: Mapping[str, Column], logged: Sequence[History]
) -> str:
    """Return the beginning of a query of columns of `RAW` as a file holds them."""
    relation = db.sql(f"FROM {quoted(RAW)}")
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    times = {time_column_of(dataset, history): history.time for history in logged}
    times |= {dataset.time_column: dataset.time} if dataset.time_column and dataset.time else {}
    bags = {} if type(dataset).raw_rows is not Dataset.raw_rows else _bags(db, dataset, RAW)
    chosen = []
    for name, column in columns.items():
        source = name if name in kinds else times.get(name, name)
        value, kind = quoted(source), kinds.get(source, "")
        if column.kind == "unused" or not kind:
            value = "NULL"
        elif name in bags:
            value = bags[name]
        elif kind.endswith("[]"):
            entries = f"list_transform({value}, lambda x: coalesce(CAST(x AS VARCHAR), ''))"
            value = f"array_to_string({entries}, {literal(column.separator)})"
        elif column.kind == "integer" or kind == "BOOLEAN":
            value = f"CAST({value} AS BIGINT)"
        elif column.kind == "text":
            value = category(value, kind)
        blank = literal(column.blanks[0]) if column.blanks else "NULL"
        chosen.append(f"coalesce(CAST({value} AS VARCHAR), {blank}) AS {quoted(name)}")
    return f"SELECT {', '.join(chosen)}"


def _bags(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, table: str, separator: str | None = None
) -> dict[str, str]:
    """Return SQL for the values of each multi-valued field of a table as one text."""
    texts = {}
    for name, column in reads_of(dataset.fields).items():
        if column.how == "bag":
            db.register(f"bags of {name}", dataset.values(db, name))
            of_row = f"b.bag = {quoted(table)}.{quoted(name)}"
            sign = literal(separator or column.separator)
            values = f"string_agg(CAST(b.value AS VARCHAR), {sign} ORDER BY b.value)"
            texts[name] = f"(SELECT {values} FROM {quoted(f'bags of {name}')} AS b WHERE {of_row})"
    return texts


def _names(file: RawFile) -> str:
    return ", ".join(map(quoted, file.columns))


def _copy(db: duckdb.DuckDBPyConnection, query: str, file: RawFile, work_dir: Path, folder: Path) -> None:
    """Write the rows of a query to a folder, in the format of a file."""
    made = work_dir / file.path
    delimited = f"FORMAT csv, HEADER {str(file.header).lower()}, DELIMITER {literal(file.separator)}"
    options = "FORMAT parquet" if made.suffix == ".parquet" else delimited
    db.execute(f"COPY ({query}) TO {literal(str(made.resolve()))} ({options})")
    made.replace(folder / file.path)


def export(
    dataset: Dataset,
    name: str,
    data_dir: Path | None,
    path: Path,
    progress: Progress = silent,
    memory_limit: str | None = None,
    some: Hashes | None = None,
    labels: bool = True,
) -> int:
    """Write a row for each example, or for some of them, and return the number of rows.

    Its columns are those of fields, labels, lists and weights, the time and the part. The values of a bag are
    joined by bars.

    Args:
        dataset: The adapter, with its settings.
        name: Its registered name.
        data_dir: The folder of its raw files; None for a dataset without raw files.
        path: The file to write, .csv or .parquet.
        progress: Receives the progress.
        memory_limit: Memory limit of the database, such as `512MiB`.
        some: Digests of the rows to write, see `Prepared.rows`; None for all rows.
        labels: Whether to write the labels.

    Raises:
        RunExistsError: the file exists.
        AutoMTLError: as `prepare` does.

    """
    if path.exists():
        raise RunExistsError(f"{path}: exists already", "choose another file")
    sources = find(data_dir, dataset, name)
    opened = workshop(data_dir, path.absolute().parent, memory_limit)
    with publish_file(path) as draft, opened as (db, work_dir):
        read(db, dataset, sources, work_dir, progress)
        progress("write", 0.0)
        create(db, "examples", rows_of(db, dataset, name))
        columns = [*reads_of(dataset.fields), *names_of(dataset.labels), *list_columns(dataset)]
        columns += [name for name in (dataset.time, dataset.part) if name]
        names = list(dict.fromkeys([*columns, *weights_of(dataset).values()]))
        values = {column: quoted(column) for column in names}
        values |= _bags(db, dataset, "examples", "|")
        written_as = {dataset.time: dataset.time_column} if dataset.time_column else {}
        untold = () if labels else names_of(dataset.labels)
        chosen = ", ".join(
            f"{v} AS {quoted(written_as.get(n) or n)}" for n, v in values.items() if n not in untold
        )
        written = work_dir / f"table{path.suffix}"
        rows = "FROM examples"
        if some is not None:
            seen = Seen.of(_digests(db, dataset, names), some)
            db.register("chosen", pd.DataFrame({f"{OWN}chosen": seen.rows}))
            rows += f" POSITIONAL JOIN chosen WHERE {own('chosen')}"
        table = db.sql(f"SELECT {chosen} {rows}")
        write = table.write_parquet if path.suffix == ".parquet" else table.write_csv
        write(str(written.resolve()))
        written.replace(draft)
        return int(db.execute(f"SELECT count(*) {rows}").fetchall()[0][0])


def _digests(db: duckdb.DuckDBPyConnection, dataset: Dataset, names: Sequence[str]) -> Hashes:
    """Return the digests of the rows of the table `examples`, as preparation makes them, [R]."""
    relation, sign = db.sql("FROM examples"), "\x1f"
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    reads = reads_of(dataset.fields)
    joined = [name for name, read in reads.items() if read.how == "bag"]
    numbers = {*names_of(dataset.labels), *(name for name, read in reads.items() if read.how == "number")}
    values = {n: quoted(n) if n in numbers else category(quoted(n), kinds[n]) for n in names}
    values |= _bags(db, dataset, "examples", sign)
    kind = {name: "DOUBLE" if name in numbers else "VARCHAR" for name in names}
    chosen = [f"CAST({value} AS {kind[name]}) AS {quoted(name)}" for name, value in values.items()]
    db.execute(f"SELECT {', '.join(chosen)} FROM examples")
    found = [np.zeros(0, np.uint64)]
    while len(rows := db.fetch_df_chunk(32)):
        bags = {name: [v.split(sign) if v else [] for v in texts(rows[name])] for name in joined}
        made = rows.assign(**{name: pd.Series(of, dtype=object) for name, of in bags.items()})
        moment = rows[dataset.time] if dataset.time else None
        found.append(digest_of(hashes_of_rows(dataset, rows, made, moment)))
    return np.concatenate(found)
