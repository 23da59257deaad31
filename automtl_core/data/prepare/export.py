"""Export of the examples of a dataset as one table of raw values, in the format of new examples."""

from pathlib import Path

from automtl_core.data.prepare.examples import columns_of, rows_of
from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw.connection import workshop
from automtl_core.data.raw.find import find
from automtl_core.data.raw.load import read
from automtl_core.data.raw.sql import count, create, quoted
from automtl_core.dataset.dataset import Dataset, names_of, reads_of
from automtl_core.disk.files import publish_file
from automtl_core.errors import RunExistsError


def export(
    dataset: Dataset,
    name: str,
    data_dir: Path | None,
    path: Path,
    progress: Progress = silent,
    memory_limit: str | None = None,
) -> int:
    """Write a row for each example: its fields, labels, time and part; return the number of rows.

    The values of a bag are joined by bars.

    Args:
        dataset: The adapter, with its settings.
        name: Its registered name.
        data_dir: The folder of its raw files; None for a dataset without raw files.
        path: The file to write, .csv or .parquet.
        progress: Receives the progress.
        memory_limit: Memory limit of the database, such as `512MiB`.

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
        columns = [*reads_of(dataset.fields), *names_of(dataset.labels), dataset.time, dataset.part]
        names = list(dict.fromkeys(column for column in columns if column))
        values = {column: quoted(column) for column in names}
        for field in columns_of(dataset, "bag"):
            create(db, held := f"values of {field}", dataset.values(db, field))
            joined = "string_agg(CAST(value AS VARCHAR), '|' ORDER BY value)"
            values[field] = f"(SELECT {joined} FROM {quoted(held)} WHERE bag = examples.{quoted(field)})"
        table = db.sql(f"SELECT {', '.join(f'{v} AS {quoted(n)}' for n, v in values.items())} FROM examples")
        written = work_dir / f"table{path.suffix}"
        write = table.write_parquet if path.suffix == ".parquet" else table.write_csv
        write(str(written.resolve()))
        written.replace(draft)
        return count(db, "examples")
