"""The lock of a run directory: one process at a time works on a run."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from automtl_core.disk.files import LOCK, remove_drafts, remove_stale
from automtl_core.errors import ArtifactError, RunInUseError


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
