"""Who works in the folder of a run: one process at a time, and in this folder alone."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from automtl_core.disk.files import LOCK, remove_drafts
from automtl_core.errors import ArtifactError, RunInUseError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which may be moved meanwhile; it ends with the process at the latest.

    Raises:
        RunInUseError: another process holds it.

    """
    lock = _lock(folder)
    try:
        lock.acquire()
    except Timeout:
        raise in_use(folder) from None
    try:
        remove_drafts(folder)
        yield
    finally:
        lock.release()


def in_use(folder: Path) -> RunInUseError:
    """Return the error that another process works on a run."""
    return RunInUseError(f"{folder}: another process works on this run", "wait for it to end")


def taken(folder: Path) -> bool:
    """Return whether a process holds the lock of a run's folder; True where that cannot be told."""
    if not (folder / LOCK).exists():
        return False
    try:
        with _lock(folder):
            return False
    except (Timeout, OSError):
        return True


def no_links(folder: Path) -> None:
    """Check that what is written to the folder stays there.

    Raises:
        ArtifactError: it holds something else than files and folders.

    """
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):  # whoever works there replaces files
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise ArtifactError(
                    f"{path}: a link, or no plain file: writing to it would reach outside of the run",
                    "copy the run with the files themselves (cp -rL)",
                )


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)
