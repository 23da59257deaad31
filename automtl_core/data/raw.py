"""Raw files become typed tables, in a DuckDB connection that can reach nothing else.

Nothing is guessed about a file: its columns are declared. DuckDB reads what is as declared; where it meets
anything else, `records` reads the file again and tells which rows are at fault, and where.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
from duckdb import CSVLineTerminator

from automtl_core.data import parquet
from automtl_core.data.delimited import LINE_LIMIT, ends_in_return
from automtl_core.data.records import Fault, ambiguous, layout, records, shown
from automtl_core.data.sql import count, create, literal, quoted, typed
from automtl_core.dataset import Dataset, RawFile
from automtl_core.errors import AutoMTLError, DataError, InputMissingError, OutOfMemoryError, StorageError
from automtl_core.text import printable

HASH_CHUNK = 1 << 18
NEWLINE = ord("\n")
SKIP = (
    "repair the row, or leave such rows out: --bad-rows skip (in a search: --set dataset.bad_rows=skip); "
    "`automtl data validate` lists all of them"
)
MORE = "--max-bad-rows N (in a search: --set dataset.max_bad_rows=N)"


class Rejected(NamedTuple):
    """A row of a raw file that is left out."""

    file: str
    fault: Fault


class Survey(NamedTuple):
    """What one pass over the bytes of a file tells."""

    bytes: int
    sha256: str
    lines: int | None
    """Lines of a plain text without blank lines and quotes, where a line is a row; None of any other file."""
    separators: int
    """Separators in the whole text."""


@dataclass(frozen=True)
class Source:
    """A raw file of a dataset that is there."""

    path: Path
    name: str
    """Its path in the folder of the dataset."""
    file: RawFile
    survey: Survey


@contextmanager
def connect(
    data_dir: Path | None, work_dir: Path, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in `work_dir` that can read and write there and in `data_dir`, and nowhere else.

    Tables live on disk, and what a query cannot hold in memory is spilled there too, so that data may be
    larger than memory.

    Args:
        data_dir: Folder of the raw files.
        work_dir: Holds the database and what is spilled.
        memory_limit: Most memory of the database, such as `512MiB`; most of the machine's where None.
        threads: Threads; those of the machine where None.

    Raises:
        DataError: a value cannot be converted.
        OutOfMemoryError: a query needs more memory than there is.
        StorageError: the disk is full, or failing.

    """
    try:
        with duckdb.connect(work_dir / "raw.duckdb") as db:
            folders = [folder.resolve() for folder in (data_dir, work_dir) if folder]
            _lock_down(db, folders, work_dir, memory_limit, threads)
            yield db
    except duckdb.Error as error:
        if known := _translated(error):
            raise known from None
        raise


def find(data_dir: Path | None, dataset: Dataset, name: str) -> dict[str, list[tuple[Path, RawFile]]]:
    """Return the raw files of a dataset by the table they become, each with its declaration.

    Raises:
        DataError: a file is a link to another place, or there are several where one is needed.
        InputMissingError: naming all that are missing.

    """
    files = dataset.files()
    fix = f"get them from {dataset.source}" if dataset.source else "put them there"
    fix += "; or try `--dataset synthetic`, which needs no files"
    if files and data_dir is None:
        needed = ", ".join(file.path for file in files.values())
        raise InputMissingError(f"dataset {name} needs a folder with its raw files: {needed}", fix)
    folder = data_dir or Path()
    found = {
        table: [(path, file) for path in sorted(folder.glob(file.path)) if path.is_file()]
        for table, file in files.items()
    }
    if missing := [folder / files[table].path for table, paths in found.items() if not paths]:
        raise InputMissingError(
            "\n".join(f"{path}: raw file of dataset {name} not found" for path in missing), fix
        )
    for paths in found.values():
        if len(paths) > 1 and paths[0][1].alone:
            raise DataError(
                f"{paths[0][0]} and {paths[1][0]}: dataset {name} needs one such file",
                "name the folder that holds the right one",
            )
    for path, times in Counter(path for paths in found.values() for path, _ in paths).items():
        if times > 1:
            raise DataError(
                f"{path}: {times} names or patterns of dataset {name} stand for it", "name each file once"
            )
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DataError(
                f"{path}: links to a file outside of {folder}",
                "copy the file, or name the folder that holds it",
            )
    return found


def survey(path: Path, separator: str) -> Survey:
    """Read all bytes of a file once."""
    digest, size, counts, blank, last = hashlib.sha256(), 0, np.zeros(256, dtype=np.int64), False, NEWLINE
    signs = [NEWLINE, ord(separator), *b'"\r\0']
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            found = np.frombuffer(chunk, dtype=np.uint8)
            for sign in signs:
                counts[sign] += np.count_nonzero(found == sign)
            ends = found == NEWLINE
            blank |= bool((ends[0] and last == NEWLINE) or (ends[1:] & ends[:-1]).any())
            last = chunk[-1]
    plain = path.suffix not in (".gz", ".zst", ".parquet") and not blank and not counts[[*b'"\r\0']].any()
    lines = int(counts[NEWLINE]) + (last != NEWLINE)
    return Survey(size, digest.hexdigest(), lines if plain else None, int(counts[ord(separator)]))


def source_of(path: Path, file: RawFile, folder: Path) -> Source:
    """Return a raw file of the dataset whose files are in `folder`."""
    return Source(path, path.relative_to(folder).as_posix(), file, survey(path, file.separator))


def load(
    db: duckdb.DuckDBPyConnection, table: str, sources: Sequence[Source], work_dir: Path, most: int | None
) -> list[Rejected]:
    """Create a table from the files of one declaration, and return the rows that were left out.

    Integers become BIGINT, numbers DOUBLE, all else text; blank values become NULL, and unused columns are
    left out.

    Args:
        db: Made by `connect`.
        table: Name of the table to create.
        sources: Files with the same columns.
        work_dir: For copies without faulty rows.
        most: Rows to leave out at most; None where a faulty row is an error.

    Raises:
        DataError: the header does not fit, or there are (too many) faulty rows; the message starts with
            `path:line:`.

    """
    rejected: list[Rejected] = []
    for place, source in enumerate(sources):
        left = None if most is None else most - len(rejected)
        part = f"{table} part {place}"
        if source.path.suffix == ".parquet":
            faults = parquet.load(db, part, source.path, source.file, left)
        else:
            faults = _load_text(db, part, source, work_dir, left)
        rejected += [Rejected(source.name, fault) for fault in faults]
    first, *others = (quoted(f"{table} part {place}") for place in range(len(sources)))
    for other in others:
        db.execute(f"INSERT INTO {first} FROM {other}")
        db.execute(f"DROP TABLE {other}")
    db.execute(f"ALTER TABLE {first} RENAME TO {quoted(table)}")
    if not db.table(quoted(table)).limit(1).fetchall():
        raise DataError(f"{sources[0].path}: holds no rows", "get a complete copy of the file")
    return rejected


def _error(path: Path, fault: Fault, fix: str) -> DataError:
    return DataError(f"{path}:{fault.line}: {fault.reason}: {shown(fault.text)}", fix)


def _load_text(
    db: duckdb.DuckDBPyConnection, table: str, source: Source, work_dir: Path, most: int | None
) -> list[Fault]:
    columns = layout(source.path, source.file)
    plain = source.survey.lines is not None or not ambiguous(source.path, source.file)
    if plain and _read(db, table, source, columns):
        return []
    if most is None:
        for record in records(source.path, source.file):
            if record.fault:
                raise _error(source.path, record.fault, SKIP)
    clean = work_dir / f"{table}.csv"
    faults = _copy(source, clean, columns, most or 0)
    whole = RawFile(source.file.path, source.file.columns, source.file.header, source.file.others)
    if not _read(db, table, source_of(clean, whole, work_dir), columns, copy=True):
        raise DataError(f"{source.path}: cannot be read", "write it again with plain commas and line breaks")
    clean.unlink()
    return faults


def _copy(source: Source, clean: Path, columns: Sequence[str], most: int) -> list[Fault]:
    """Write the rows without a fault to `clean`, and return the faults of the others."""
    faults: list[Fault] = []
    with clean.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if source.file.header:
            writer.writerow(columns)
        for record in records(source.path, source.file):
            if record.fault is None:
                writer.writerow(record.fields)
                continue
            faults.append(record.fault)
            if len(faults) > most:
                raise _error(source.path, faults[0], f"repair such rows, or allow more than {most}: {MORE}")
    return faults


def _read(
    db: duckdb.DuckDBPyConnection, table: str, source: Source, columns: Sequence[str], copy: bool = False
) -> bool:
    """Create a table from a file, or from its copy, and return whether every row was as declared."""
    end = CSVLineTerminator.LINE_FEED
    if not copy and ends_in_return(source.path):
        end = CSVLineTerminator.CARRIAGE_RETURN_LINE_FEED
    declared = source.file.columns
    used = [name for name, column in declared.items() if column.kind != "unused"]  # in the same order always
    seen = {name: f"c{n}" for n, name in enumerate(columns)}  # a header may hold what SQL does not take
    try:
        scan = db.read_csv(
            str(source.path.resolve()),
            columns=dict.fromkeys(seen.values(), "VARCHAR"),
            header=source.file.header,
            sep=source.file.separator,
            quotechar='"',
            escapechar='"',
            auto_detect=False,
            max_line_size=3 * LINE_LIMIT if copy else LINE_LIMIT,  # quotes make rows longer
            lineterminator=end,
            store_rejects=True,
            rejects_limit=2,
        )
        chosen = [f"{typed(seen[name], declared[name])} AS {quoted(name)}" for name in used]
        create(db, table, scan.project(", ".join(chosen or ["1 AS nothing"])))
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        db.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
        return False
    if not _all_taken(db, table, source, len(columns)):
        db.execute(f"DROP TABLE {quoted(table)}")
        return False
    return True


def _all_taken(db: duckdb.DuckDBPyConnection, table: str, source: Source, columns: int) -> bool:
    """Return whether DuckDB took every row of a file, but for a cut last line, and every value."""
    rejects = db.execute(
        "SELECT DISTINCT line_byte_position - 1, error_type FROM reject_errors "
        "JOIN reject_scans USING (scan_id, file_id) WHERE file_path = ?",
        [str(source.path.resolve())],
    ).fetchall()
    tails = [_last_line(source.path, start) for start, kind in rejects if kind == "MISSING COLUMNS"]
    if rejects and (not source.file.cut_tail or len(rejects) > 1 or tails in ([], [None])):
        return False
    if source.survey.lines is None:
        return True
    rows = count(db, quoted(table)) + source.file.header
    separators = rows * (columns - 1) + sum(
        (tail or b"").count(source.file.separator.encode()) for tail in tails
    )
    return (rows + len(rejects), separators) == (source.survey.lines, source.survey.separators)


def _last_line(path: Path, start: int) -> bytes | None:
    """Return the line that starts at this byte, if it is the last one."""
    with path.open("rb") as raw:
        raw.seek(start)
        line = raw.read(LINE_LIMIT + 2).rstrip(b"\r\n")
    return None if b"\n" in line else line


def _lock_down(
    db: duckdb.DuckDBPyConnection,
    allowed: Iterable[Path],
    work_dir: Path,
    memory_limit: str | None,
    threads: int | None,
) -> None:
    folders = ", ".join(literal(f"{folder}/") for folder in allowed)
    db.execute("SET enable_progress_bar = false")
    db.execute(f"SET temp_directory = {literal(str(work_dir.resolve()))}")
    if memory_limit:
        db.execute(f"SET memory_limit = {literal(memory_limit)}")
    if threads:
        db.execute(f"SET threads = {threads}")
    db.execute(f"SET allowed_directories = [{folders}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def _translated(error: duckdb.Error) -> AutoMTLError | None:
    words = printable(str(error).splitlines()[0])
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemoryError(
            f"preparing data: {words}",
            "allow more memory by --memory-limit or $AUTOMTL_MEMORY_LIMIT, or use another machine",
        )
    if isinstance(error, duckdb.ConversionException):
        return DataError(f"raw data: {words}", "repair the value in the raw file")
    if isinstance(error, duckdb.IOException):
        if "GZIP" in str(error) or "ZSTD" in str(error):
            return DataError(f"raw data: {words}", "get a complete copy of the file")
        return StorageError(f"preparing data: {words}", "free some space and try again")
    return None
