"""Writing files so that a reader never sees half of one."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from automtl_core.errors import RunExistsError, StorageError

SCRATCH = ".automtl."
LOCK = ".lock"
ATTEMPTS = 100
"""Attempts, each under a new name, to acquire the lock of a scratch folder."""
STANDS = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
"""Why a folder cannot be moved to where something stands already."""


def write_atomic(path: Path, content: bytes, keep: Path | None = None) -> None:
    """Write a whole file, as `publish_file` does."""
    with publish_file(path, keep) as draft:
        draft.write_bytes(content)


@contextmanager
def publish_file(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Give the path of a draft, which becomes `path` when the block ends well and vanishes otherwise.

    The draft is flushed to the disk before it is moved into place.

    Args:
        path: Of the file.
        keep: Where what stood at `path` is moved to, just before; nowhere where None.

    Raises:
        StorageError: writing failed; what stood at `path` before is untouched.

    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with _storage_errors(path):
            yield draft
            _sync_file(draft)
            if keep is not None and path.exists():
                path.replace(keep)
            draft.replace(path)
            _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give an empty hidden folder in `parent`, which is made if need be; it is removed afterwards.

    What killed processes have left there is removed first: their locks went with them.

    Raises:
        RunExistsError: the folder above cannot be written to.
        StorageError: no lock can be acquired there.

    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(parent)
        lock = _held_lock(parent)
    except OSError as error:
        raise RunExistsError(
            f"{parent}: cannot be written to: {error.strerror}", "choose another folder"
        ) from error
    file = Path(lock.lock_file)
    folder = file.with_name(file.name.removesuffix(LOCK))
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        file.unlink(missing_ok=True)
        lock.release()


@contextmanager
def publish_folder(path: Path, same_content: bool = False) -> Iterator[Path]:
    """Give an empty draft folder, which becomes `path` when the block ends well and vanishes otherwise.

    Args:
        path: Where nothing stands, or an empty folder, which is replaced.
        same_content: Whether whatever stands at `path` by then is as good, since its name says all of its
            content; it stays.

    Raises:
        RunExistsError: something stands at `path` by then, or the folder above cannot be written to.
        StorageError: writing failed.

    """
    with scratch_folder(path.parent) as folder, _storage_errors(path):
        draft = folder / path.name
        draft.mkdir()
        yield draft
        for file in draft.rglob("*"):
            if file.is_file():
                _sync_file(file)
        try:
            draft.replace(path)
        except OSError as error:
            if error.errno not in STANDS:
                raise
            if not same_content:
                raise RunExistsError(
                    f"{path}: another process has made it meanwhile", "choose another name"
                ) from None
        _sync_folder(path.parent)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written: {error.strerror}", "free some space and try again"
        ) from error


def remove_drafts(folder: Path) -> None:
    """Remove the drafts of `publish_file` that killed processes have left, where no other process writes."""
    for draft in folder.glob(".*.draft"):
        draft.unlink(missing_ok=True)


def file_name(name: str) -> str:
    """Return a name of a field as files have it, where a slash would part folders."""
    return name.replace("%", "%25").replace("/", "%2F")


def _held_lock(parent: Path) -> FileLock:
    """Return the held lock of a folder in `parent` that does not exist yet.

    Raises:
        StorageError: no lock can be acquired.

    """
    for _ in range(ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
        folder.rmdir()  # it takes the name that is free, and must not be there before its lock
        lock = FileLock(folder.with_name(folder.name + LOCK), timeout=0, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            continue  # the clean-up of another process locked the new file first, and removes it
        return lock
    raise StorageError(
        f"{parent}: no lock file can be locked there", "choose a folder on a file system with file locks"
    )


def _remove_stale(parent: Path) -> None:
    for lock in parent.glob(f"{SCRATCH}*{LOCK}"):
        with suppress(Timeout), FileLock(lock, timeout=0, fallback_to_soft=False):
            shutil.rmtree(lock.with_name(lock.name.removesuffix(LOCK)), ignore_errors=True)
            lock.unlink(missing_ok=True)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
