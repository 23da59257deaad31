"""Atomic writes: a reader never sees a partial file."""

import errno
import os
import platform
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from automtl_core.errors import RunExistsError, StorageError

LOCK = ".lock"
HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""Short name of this machine; several may write into one folder of a network."""
ATTEMPTS = 100
"""Number of attempts, each with a new name, to acquire the lock of a scratch folder."""
GONE = "put the folder back, which was moved or removed in the meantime, and try again"
REMEDIES = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: "check the disk",
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), GONE),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS), "get the right to write there, or choose another folder"
    ),
}
"""Error code of a write -> remedy; for other codes the disk is full, or a limit is reached."""


def write_atomic(path: Path, content: bytes, keep: Path | None = None) -> None:
    """Write a whole file, as `publish_file` does."""
    with publish_file(path, keep) as draft:
        draft.write_bytes(content)


def break_hard_links(path: Path) -> None:
    """Replace a file that has other names by a copy, so that lines appended to it reach no other file.

    A backup by hard links shares its files with the folder. Raises as `publish_file`; a file may be missing.
    """
    with suppress(FileNotFoundError):
        if path.stat().st_nlink > 1:
            with publish_file(path) as draft:
                shutil.copyfile(path, draft)


def link_or_copy(path: Path, copy: Path) -> None:
    """Give a file that is never modified another name, by a hard link if the file system supports them."""
    draft = copy.with_name(f".{copy.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        os.link(path, draft)
    except OSError:
        shutil.copyfile(path, draft)
    draft.replace(copy)


@contextmanager
def publish_file(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Yield the path of a draft; it becomes `path` if the block succeeds, and is removed otherwise.

    The draft is flushed to the disk before it is moved into place.

    Args:
        path: Path of the file.
        keep: New path of an existing file at `path`; None to overwrite it.

    Raises:
        StorageError: writing failed; an existing file at `path` is unchanged.

    """
    draft = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.draft")
    try:
        with _storage_errors(path):
            _remove_drafts_of(path)
            yield draft
            _sync(draft)
            if keep is not None and path.exists():
                path.replace(keep)
            draft.replace(path)
            _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty hidden folder in `parent`, which is created if it does not exist; remove it afterwards.

    Folders of killed processes are removed first.

    Raises:
        RunExistsError: `parent` is not writable.
        StorageError: no lock can be acquired there.

    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_stale(parent)
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
        _remove(folder, file)
        lock.release()


@contextmanager
def publish_folder(path: Path, same_content: bool = False) -> Iterator[Path]:
    """Yield a draft folder; it becomes `path` if the block succeeds, and is removed otherwise.

    Args:
        path: A path that does not exist, or an empty folder, which is replaced.
        same_content: Whether an existing folder at `path` has the same content, since its name contains a
            digest of the content; it is then kept.

    Raises:
        RunExistsError: `path` exists, or its parent is not writable.
        StorageError: writing failed.

    """
    if not same_content:
        check_free_folder(path)
    with scratch_folder(path.parent) as folder, _storage_errors(path):
        draft = folder / path.name
        draft.mkdir()
        yield draft
        for inside in (*draft.rglob("*"), draft):
            _sync(inside)
        try:
            draft.replace(path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):  # it stands there
                raise
            if not same_content:
                raise RunExistsError(
                    f"{path}: another process has created it in the meantime", "choose another name"
                ) from None
        _sync(path.parent)


def check_free_folder(path: Path) -> None:
    """Check that a folder can be created, or filled if it is empty.

    Raises:
        RunExistsError: the path is taken.

    """
    try:
        taken = path.is_symlink() or bool(os.listdir(path))
    except OSError:
        taken = os.path.lexists(path)
    if taken:
        raise RunExistsError(f"{path}: exists already", "choose another name, or delete it first")


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, "free some space and try again")
        raise StorageError(f"{path}: cannot be written: {error.strerror}", remedy) from error


def _remove_drafts_of(path: Path) -> None:
    """Remove drafts of a file from processes of this machine that do not exist any more."""
    start = f".{path.name}.{HOST}."
    for entry in os.scandir(path.parent):
        if entry.name.startswith(start) and entry.name.endswith(".draft"):
            process = entry.name.removeprefix(start).removesuffix(".draft")
            if process.isdecimal() and not _runs(int(process)):
                Path(entry.path).unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def remove_drafts(folder: Path) -> None:
    """Remove drafts of `publish_file` from killed processes; no other process may be writing."""
    for draft in folder.glob(".*.draft"):
        draft.unlink(missing_ok=True)


def _held_lock(parent: Path) -> FileLock:
    """Return the acquired lock of a folder in `parent` that does not exist yet.

    Raises:
        StorageError: no lock can be acquired.

    """
    for _ in range(ATTEMPTS):
        lock = FileLock(parent / f".automtl.{token_hex(8)}{LOCK}", timeout=0, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            continue  # another process locked the new file first, in its cleanup, and removes it
        return lock
    raise StorageError(
        f"{parent}: no lock file can be locked there", "choose a folder on a file system with file locks"
    )


def remove_stale(parent: Path) -> None:
    """Remove scratch folders of killed processes, whose locks were released with the process."""
    for lock in parent.glob(f".automtl.*{LOCK}"):
        with suppress(Timeout, OSError), FileLock(lock, timeout=0, fallback_to_soft=False):
            _remove(lock.with_name(lock.name.removesuffix(LOCK)), lock)


def _remove(folder: Path, lock: Path) -> None:
    """Remove a scratch folder, then its lock, without which nobody would remove the rest of the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        lock.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Flush a file or the names in a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
