"""Raw files become tables of text, in a DuckDB connection that can reach nothing else.

Nothing is guessed about a file: its columns are declared, ids stay text, and each row that does not fit
is an error with its place.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from automtl_core.data.rejects import first_fault
from automtl_core.dataset import RawFile
from automtl_core.errors import AutoMTLError, DataError, InputMissingError, OutOfMemoryError, StorageError
from automtl_core.text import did_you_mean, printable

HASH_CHUNK = 1 << 20


@contextmanager
def connect(
    data_dir: Path | None, work_dir: Path, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in `work_dir` that can read and write there and in `data_dir`, and nowhere else.

    Tables live on disk, and what a query cannot hold in memory is spilled there too, so that data may be
    larger than memory.

    Raises:
        DataError: a value cannot be converted.
        OutOfMemoryError: a query needs more memory than there is.
        StorageError: the disk is full, or failing.

    """
    try:
        with duckdb.connect(work_dir / "raw.duckdb") as db:
            _lock_down(db, [folder.resolve() for folder in (data_dir, work_dir) if folder], work_dir, threads)
            yield db
    except duckdb.Error as error:
        if known := _translated(error):
            raise known from None
        raise


def require(data_dir: Path | None, files: Mapping[str, RawFile], name: str, source: str) -> None:
    """Check that all raw files of the dataset `name` are there.

    Raises:
        DataError: a file is a link to another place.
        InputMissingError: naming all that are missing.

    """
    fix = f"get them from {source}" if source else "put them there"
    fix += "; or try `--dataset synthetic`, which needs no files"
    if files and data_dir is None:
        needed = ", ".join(file.path for file in files.values())
        raise InputMissingError(f"dataset {name} needs a folder with its raw files: {needed}", fix)
    paths = [data_dir / file.path for file in files.values()] if data_dir else []
    if missing := [path for path in paths if not path.is_file()]:
        raise InputMissingError(
            "\n".join(f"{path}: raw file of dataset {name} not found" for path in missing), fix
        )
    for path in paths:
        if data_dir and not path.resolve().is_relative_to(data_dir.resolve()):
            raise DataError(
                f"{path}: links to a file outside of {data_dir}",
                "copy the file, or name the folder that holds it",
            )


def fingerprint(path: Path) -> dict[str, int | str]:
    """Return the size in bytes and the SHA-256 of a file's content."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def load(db: duckdb.DuckDBPyConnection, data_dir: Path, name: str, file: RawFile) -> None:
    """Create the table `name` from a file; all columns are text, and blank values are NULL.

    Raises:
        DataError: the header or a row does not fit; the message starts with `path:line:`.

    """
    path = data_dir / file.path
    _check_first_line(path, file)
    try:
        db.read_csv(
            str(path.resolve()),
            columns=dict.fromkeys(file.columns, "VARCHAR"),
            header=file.header,
            sep=",",
            quotechar='"',
            escapechar='"',
            auto_detect=False,
            store_rejects=True,
            rejects_limit=10_000,
        ).create(name)
    except duckdb.InvalidInputException:
        raise _mixed_line_ends(path) from None
    if fault := first_fault(db, path, file):
        raise fault
    if not db.table(name).limit(1).fetchall():
        raise DataError(f"{path}: holds no rows", "get a complete copy of the file")


def _lock_down(
    db: duckdb.DuckDBPyConnection, allowed: Iterable[Path], work_dir: Path, threads: int | None
) -> None:
    folders = ", ".join(_literal(f"{folder}/") for folder in allowed)
    db.execute("SET enable_progress_bar = false")
    db.execute(f"SET temp_directory = {_literal(str(work_dir.resolve()))}")
    if threads:
        db.execute(f"SET threads = {threads}")
    db.execute(f"SET allowed_directories = [{folders}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _translated(error: duckdb.Error) -> AutoMTLError | None:
    words = printable(str(error).splitlines()[0])
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemoryError(f"preparing data: {words}", "use a machine with more memory, or less data")
    if isinstance(error, duckdb.ConversionException):
        return DataError(f"raw data: {words}", "repair the value in the raw file")
    if isinstance(error, duckdb.IOException):
        return StorageError(f"preparing data: {words}", "free some space and try again")
    return None


def _check_first_line(path: Path, file: RawFile) -> None:
    with path.open("rb") as raw:
        line = raw.readline(HASH_CHUNK)
    try:
        found = next(csv.reader([line.decode("utf-8-sig")]), [])
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:1: not UTF-8: {error.reason}", "convert the file to UTF-8") from None
    if file.header and found != list(file.columns):
        raise DataError(
            f"{path}:1: {_header_fault(found, file.columns)}", f"make the first line {','.join(file.columns)}"
        )


def _header_fault(found: list[str], columns: tuple[str, ...]) -> str:
    if not found:
        return "no header: the file is empty"
    missing = [f"{column!r}" + did_you_mean(column, found) for column in columns if column not in found]
    extra = [repr(column) for column in found if column not in columns]
    faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(extra)}"] * bool(
        extra
    )
    return "the header " + (" and ".join(faults) or "names the columns in another order")


def _mixed_line_ends(path: Path) -> DataError:
    with path.open("rb") as raw:
        windows = raw.readline().endswith(b"\r\n")
        odd = next((n for n, line in enumerate(raw, 2) if line.endswith(b"\r\n") != windows), 1)
    return DataError(
        f"{path}:{odd}: ends in another line break than line 1", "give all lines the same line break"
    )
