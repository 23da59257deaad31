"""Writing files so that a reader never sees half of one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automtl_core.errors import RunExistsError, StorageError


def write_atomic(path: Path, content: bytes) -> None:
    """Write a whole file next to `path`, flush it to the disk and move it into place.

    Raises:
        StorageError: writing failed; what stood at `path` before is untouched.

    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written: {error.strerror}", "free some space and try again"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def publish_folder(path: Path) -> Iterator[Path]:
    """Give an empty draft folder, which becomes `path` when the block ends well and vanishes otherwise.

    A folder that stands at `path` by then wins: the same content was published meanwhile.

    Raises:
        RunExistsError: the folder above cannot be written to.
        StorageError: writing failed.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".draft", dir=path.parent))
        draft.chmod(0o777 & ~_umask())
    except OSError as error:
        raise RunExistsError(
            f"{path.parent}: cannot be written to: {error.strerror}", "choose another folder"
        ) from error
    try:
        yield draft
        for file in draft.rglob("*"):
            if file.is_file():
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
        if not path.exists():
            draft.replace(path)
            _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written: {error.strerror}", "free some space and try again"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _umask() -> int:
    """Return the mask of file modes, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
