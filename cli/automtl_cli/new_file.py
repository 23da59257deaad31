"""New files with settings, which never replace an existing file."""

from pathlib import Path

from automtl_core.errors import RunExistsError


def check_free(path: Path) -> None:
    """Check that a file does not exist.

    Raises:
        RunExistsError: it exists.

    """
    if path.exists():
        raise _exists(path)


def create(path: Path, content: str) -> None:
    """Write a new file, either completely or not at all.

    Raises:
        RunExistsError: it exists, or cannot be written.

    """
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise RunExistsError(f"{path}: cannot be written: {error.strerror}", "choose another --out") from None
    try:
        with file:
            file.write(content)
    except BaseException:
        path.unlink()
        raise


def _exists(path: Path) -> RunExistsError:
    return RunExistsError(f"{path}: exists already", "give another name: --out NAME.yaml")
