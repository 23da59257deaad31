"""Raw files in object stores and on web servers: DuckDB's extension httpfs copies them to a local folder.

The rest of preparation reads the copies, so that checks, places of faulty rows and the digest of the content
are those of local files. A copy is made again when size or time of its original change. The network is read
only with the word of the user, which is no setting, because a configuration may come from somebody else.

Credentials are those of DuckDB: its stored secrets, or the variables `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` and `DUCKDB_S3_ENDPOINT`.
"""

import glob
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import duckdb

from automtl_core.data.progress import Progress, silent
from automtl_core.data.raw.sql import literal
from automtl_core.dataset.dataset import Dataset
from automtl_core.disk.files import publish_file, write_atomic
from automtl_core.disk.plain_file import read_json
from automtl_core.errors import (
    ArtifactError,
    DataError,
    InputMissingError,
    SetupError,
    StorageError,
    UsageError,
    printable,
)

SCHEMES = ("s3", "gs", "gcs", "r2", "https", "http")
WEB = ("https://", "http://")
ALLOW = "AUTOMTL_ALLOW_REMOTE"
INDEX = "index.json"
PACKAGE = "duckdb_extension_httpfs"
"""Package of the Python index with the extension, for machines without access to DuckDB's own server."""
WHOLE = 1 << 30
"""Largest file in bytes that is copied as it is; it passes through memory. Parquet files may be larger."""
_URL = re.compile(rf"({'|'.join(SCHEMES)}):/+(.+)")


class Remote(NamedTuple):
    """A file in an object store or on a web server."""

    url: str
    name: str
    """Path relative to the folder of the dataset."""
    size: int
    modified: int | None
    """Milliseconds since 1970; None if the server does not tell."""

    @property
    def version(self) -> list[int | None]:
        """What tells whether the file has changed."""
        return [self.size, self.modified]


def url_of(folder: Path | None) -> str | None:
    """Return the address of a remote folder, which a path holds with one slash; None for a local folder."""
    match = _URL.fullmatch(folder.as_posix()) if folder else None
    return f"{match[1]}://{match[2]}" if match else None


def not_allowed(url: str) -> UsageError:
    """Return the error for a remote folder that may not be read."""
    return UsageError(
        f"{printable(url)}: is not on this machine, and no command reads the network without your word",
        f"allow it: --allow-remote, or {ALLOW}=1; or copy the files, and name their folder",
    )


def local_folder(
    dataset: Dataset,
    name: str,
    data_dir: Path | None,
    root: Path,
    allowed: bool,
    progress: Progress = silent,
    memory_limit: str | None = None,
) -> Path | None:
    """Return the folder of the raw files; of a remote one a folder in `root` with copies of its files.

    Args:
        dataset: The adapter, with its settings.
        name: Its registered name.
        data_dir: The folder of its raw files, which may be remote.
        root: Folder of all prepared datasets.
        allowed: Whether the user allows to read the network; the environment variable `ALLOW` does too.
        progress: Receives the progress.
        memory_limit: Memory limit of the database, such as `512MiB`.

    Raises:
        DataError: a file is too large, or has a name that leaves the folder.
        InputMissingError: files are missing.
        SetupError: the extension cannot be loaded.
        StorageError: the network or the disk fails.
        UsageError: the network may not be read, or a web server would have to list files.

    """
    url = url_of(data_dir)
    if url is None or not dataset.files():
        return data_dir
    if not (allowed or os.environ.get(ALLOW, "").lower() in ("1", "true", "yes")):
        raise not_allowed(url)
    folder = root / f"remote-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {}
    with suppress(ArtifactError):  # without a sound index all files are copied again
        index = read_json(folder / INDEX, "remove it")
    with _connected(url, folder, memory_limit) as db:
        found = _listed(db, dataset, name, url)
        for stale in set(index) - {each.name for each in found}:
            (folder / stale).unlink(missing_ok=True)
        index = {each.name: index[each.name] for each in found if each.name in index}
        for place, each in enumerate(found):
            progress("copy", place / len(found))
            known = each.modified is not None and index.get(each.name) == each.version
            if not (known and (folder / each.name).is_file()):
                _copy(db, each, folder / each.name)
                index[each.name] = each.version
                write_atomic(folder / INDEX, json.dumps(index, indent=1).encode())
    return folder


def _listed(db: duckdb.DuckDBPyConnection, dataset: Dataset, name: str, url: str) -> list[Remote]:
    """Return the files of all patterns of a dataset, each once, in the order of their names."""
    found: dict[str, Remote] = {}
    missing = []
    for file in dataset.files().values():
        if glob.has_magic(file.path) and url.startswith(WEB):
            raise UsageError(
                f"{printable(f'{url}/{file.path}')}: a web server does not list its files",
                "name each file, such as dataset.files: [a.csv, b.csv], or use an object store",
            )
        rows = _described(db, f"{url}/{file.path}")
        for address, size, modified in rows:
            relative = address.removeprefix(f"{url}/")
            parts = PurePosixPath(relative).parts
            if relative == address or ".." in parts or relative.startswith("/") or "\\" in relative:
                raise DataError(f"{printable(address)}: lies outside of {printable(url)}", "rename the file")
            found[relative] = Remote(address, relative, size, modified or None)
        if not rows:
            missing.append(f"{printable(f'{url}/{file.path}')}: raw file of dataset {name} not found")
    if missing:
        raise InputMissingError("\n".join(missing), "check the address")
    return [found[relative] for relative in sorted(found)]


def _described(db: duckdb.DuckDBPyConnection, pattern: str) -> list[tuple[str, int, int | None]]:
    """Return address, size and time of the files of a pattern; none where they are missing."""
    try:
        return db.execute(
            "SELECT filename, size, epoch_ms(last_modified) FROM read_blob(?)", [pattern]
        ).fetchall()
    except duckdb.HTTPException as error:
        if "404" in str(error):
            return []
        raise


def _copy(db: duckdb.DuckDBPyConnection, file: Remote, path: Path) -> None:
    """Copy a file: byte by byte or, if it is a large Parquet file, row by row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with publish_file(path) as draft:
        if file.size <= WHOLE:
            rows = db.execute("SELECT content FROM read_blob(?)", [file.url]).fetchall()
            draft.write_bytes(rows[0][0])
        elif path.suffix == ".parquet":
            scan = f"read_parquet({literal(glob.escape(file.url))}, hive_partitioning = false)"
            db.execute(f"COPY (FROM {scan}) TO {literal(str(draft.resolve()))} (FORMAT parquet)")
        else:
            raise DataError(
                f"{printable(file.url)}: has {file.size:,} bytes, and text files may have {WHOLE:,}",
                "write it as several files or as Parquet, or copy it, and name its folder",
            )


@contextmanager
def _connected(url: str, folder: Path, memory_limit: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that can read below an address, and read and write in a folder, and nowhere else."""
    try:
        with duckdb.connect() as db:
            load_extension(db)
            db.execute(
                "SELECT count(*) FROM duckdb_secrets()"
            )  # reads stored ones, which are in another folder
            db.execute(f"SET temp_directory = {literal(str(folder.resolve()))}")
            if memory_limit:
                db.execute(f"SET memory_limit = {literal(memory_limit)}")
            db.execute(f"SET allowed_directories = [{literal(f'{url}/')}, {literal(f'{folder.resolve()}/')}]")
            db.execute("SET enable_external_access = false")
            db.execute("SET lock_configuration = true")
            yield db
    except duckdb.Error as error:
        words = printable(str(error).splitlines()[0])
        raise StorageError(
            f"{printable(url)}: {words}", "check the address, the network, and the credentials"
        ) from None


def load_extension(db: duckdb.DuckDBPyConnection) -> None:
    """Load httpfs: the installed one, that of the Python package, or the one of DuckDB's own server.

    Raises:
        SetupError: there is none for this version of DuckDB.

    """
    faults = []
    for command in ("LOAD httpfs", *_packaged(), "INSTALL httpfs", "LOAD httpfs"):
        try:
            db.execute(command)
        except duckdb.Error as error:
            faults.append(printable(str(error).splitlines()[0]))
        else:
            if command.startswith("LOAD"):
                return
    version = duckdb.__version__
    raise SetupError(
        f"DuckDB {version} cannot load its extension httpfs: {faults[-1]}",
        f"pip install 'duckdb-extension-httpfs=={version}' if the index has this version, "
        "or run `INSTALL httpfs` of DuckDB once on a machine that reaches extensions.duckdb.org",
    )


def _packaged() -> list[str]:
    """Return the command that loads the extension of the Python package; none without the package."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    paths = (
        Path(f) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension" for f in folders or ()
    )
    return [f"LOAD {literal(str(path))}" for path in paths if path.is_file()]
