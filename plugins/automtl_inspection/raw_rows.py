"""The rows of a dataset as one file in the format of new rows."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from automtl_core.data.frames import hashes_of_rows
from automtl_core.data.known import Hashes, Seen, digest_of
from automtl_core.dataset.dataset import Dataset, Label, names_of
from automtl_core.errors import RunExistsError
from automtl_core.fields.encode import OWN, texts
from automtl_core.prepare.examples import rows_of
from automtl_core.prepare.values import Examples
from automtl_core.raw.connection import workshop
from automtl_core.raw.find import find
from automtl_core.raw.load import read
from automtl_core.raw.sql import category, create, literal, own, quoted
from automtl_core.system.files import publish_file
from automtl_core.system.progress import Progress, silent


def _bags(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, table: str, separator: str | None = None
) -> dict[str, str]:
    """Return SQL for the values of each multi-valued field of a table as one text."""
    texts = {}
    for name, column in dataset.layout.reads.items():
        if column.how == "bag":
            db.register(f"bags of {name}", dataset.values(db, name))
            of_row = f"b.bag = {quoted(table)}.{quoted(name)}"
            sign = literal(separator or column.separator)
            values = f"string_agg(CAST(b.value AS VARCHAR), {sign} ORDER BY b.value)"
            texts[name] = f"(SELECT {values} FROM {quoted(f'bags of {name}')} AS b WHERE {of_row})"
    return texts


def _labels(dataset: Dataset) -> dict[str, str]:
    """Return SQL for the columns of labels as `Dataset.new_file` reads them: numbers, or texts."""
    found: dict[str, str] = {}
    texts: dict[str, list[Label]] = {}
    for label in dataset.labels:
        texts.setdefault(label.source, []).append(label)
        found[label.source] = quoted(label.name)
    for source, labels in texts.items():
        if labels[0].positive:
            ones = (f"WHEN {quoted(one.name)} = 1 THEN {literal(one.positive[0])}" for one in labels)
            known = " OR ".join(f"{quoted(one.name)} = 0" for one in labels)
            other = literal(f"not {labels[0].positive[0]}")
            found[source] = f"CASE {' '.join(ones)} WHEN {known} THEN {other} END"
    return found


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
        create(db, "examples", rows_of(Examples(db, dataset, name)))
        of_files = {one.name: one.source for one in dataset.labels}  # columns by the names that files have
        if dataset.time and dataset.time_column:
            of_files[dataset.time] = dataset.time_column
        names = [*dataset.layout.reads, *(names_of(dataset.labels) if labels else ())]
        names += [*dataset.layout.lists, *filter(None, (dataset.time, dataset.part))]
        values = {of_files.get(n, n): quoted(n) for n in (*names, *dataset.layout.weights.values())}
        values |= {**_bags(db, dataset, "examples", "|"), **(_labels(dataset) if labels else {})}
        chosen = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
        written = work_dir / f"table{path.suffix}"
        rows = "FROM examples"
        if some is not None:
            seen = Seen.of(_digests(db, dataset), some)
            db.register("chosen", pd.DataFrame({f"{OWN}chosen": seen.rows}))
            rows += f" POSITIONAL JOIN chosen WHERE {own('chosen')}"
        table = db.sql(f"SELECT {chosen} {rows}")
        write = table.write_parquet if path.suffix == ".parquet" else table.write_csv
        write(str(written.resolve()))
        written.replace(draft)
        return int(db.execute(f"SELECT count(*) {rows}").fetchall()[0][0])


def _digests(db: duckdb.DuckDBPyConnection, dataset: Dataset) -> Hashes:
    """Return the digests of the rows of the table `examples`, as preparation makes them, [R]."""
    relation, sign = db.sql("FROM examples"), "\x1f"
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    reads = dataset.layout.reads
    joined = [name for name, read in reads.items() if read.how == "bag"]
    numbers = {name for name, read in dataset.layout.identity.items() if read.how == "number"}
    names = dict.fromkeys([*dataset.layout.identity, *filter(None, [dataset.time])])
    values = {n: quoted(n) if n in numbers else category(quoted(n), kinds[n]) for n in names}
    values |= _bags(db, dataset, "examples", sign)
    types = {n: "DOUBLE" if n in numbers else "VARCHAR" for n in values}
    chosen = [f"CAST({value} AS {types[n]}) AS {quoted(n)}" for n, value in values.items()]
    db.execute(f"SELECT {', '.join(chosen)} FROM examples")
    found = [np.zeros(0, np.uint64)]
    while len(rows := db.fetch_df_chunk(32)):
        bags = {name: [v.split(sign) if v else [] for v in texts(rows[name])] for name in joined}
        made = rows.assign(**{name: pd.Series(of, dtype=object) for name, of in bags.items()})
        moment = rows[dataset.time] if dataset.time else None
        found.append(digest_of(hashes_of_rows(dataset, rows, made, moment)))
    return np.concatenate(found)
