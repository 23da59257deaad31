"""Folders of runs and of data, and the lock of a run: one process at a time works on it.

Those of data are in environment variables, or else below the working directory.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import ArtifactError, InputMissingError, RunInUseError, UsageError, near_file
from automtl_core.system.files import LOCK, remove_drafts, remove_stale


def raw_folder(dataset: Dataset, name: str, chosen: Path | None) -> Path | None:
    """Return the absolute folder of the raw files of a dataset; None without files.

    Raises:
        UsageError: it is an address.

    """
    folder = chosen or default_raw_folder(name)
    if not dataset.files():
        return None
    if address := re.match("(s3|gs|gcs|r2|https?):/", str(folder)):  # a path holds one slash
        raise UsageError(
            f"{address[1]}://{str(folder)[address.end() :]}: is an address, not a folder of this machine",
            "copy the files, or mount the store as a folder, and name the folder",
        )
    return folder.absolute()


def default_raw_folder(name: str) -> Path:
    """Return the default folder of the raw files of a dataset."""
    return Path(os.environ.get("AUTOMTL_DATA") or "data") / name


def prepared_folder() -> Path:
    """Return the default folder of prepared datasets."""
    return Path(os.environ.get("AUTOMTL_PREPARED") or "prepared")


def check_run(path: Path) -> None:
    """Check that a folder is that of a run.

    Raises:
        InputMissingError: it is not.

    """
    if not (path / "config.yaml").is_file():
        fix = "give the folder of a run, such as runs/NAME; `automtl list runs` shows all"
        fix += "; of a comparison, see `automtl report FOLDER`"
        raise InputMissingError(f"{path}: not a run directory{'' if path.exists() else near_file(path)}", fix)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run directory, which may be moved meanwhile; the end of the process releases it.

    Raises:
        RunInUseError: another process holds it.

    """
    lock = _lock(folder)
    try:
        # `is_locked` of another process holds it for less than a millisecond.
        lock.acquire(timeout=0.2, poll_interval=0.01)
    except Timeout:
        raise in_use(folder) from None
    try:
        remove_drafts(folder)
        remove_stale(folder.absolute().parent)
        yield
    finally:
        lock.release()


def in_use(folder: Path) -> RunInUseError:
    """Return the error for a run that another process works on."""
    return RunInUseError(f"{folder}: another process works on this run", "wait for it to end")


def is_locked(folder: Path) -> bool:
    """Return whether a process holds the lock of a run directory; True if that is unknown."""
    if not (folder / LOCK).exists():
        return False
    try:
        with _lock(folder):
            return False
    except (Timeout, OSError):
        return True


def no_links(folder: Path) -> None:
    """Check that files written to the folder stay in it.

    Raises:
        ArtifactError: it contains anything else than files and folders.

    """
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):  # another process may replace files
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise ArtifactError(
                    f"{path}: a link, or no plain file: writing to it would reach outside of the run",
                    "copy the run with the files themselves (cp -rL)",
                )


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)
