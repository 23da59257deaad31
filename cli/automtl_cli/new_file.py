"""New files with settings, which replace no file but a configuration, and that only if asked."""

from pathlib import Path

from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.errors import AutoMTLError, RunExistsError

OTHER = "give another name: --out NAME.yaml"
"""Remedy for a name that is taken."""


def check_free(path: Path, or_else: str = "") -> None:
    """Check that a file does not exist.

    Args:
        path: The file.
        or_else: Another remedy.

    Raises:
        RunExistsError: it exists.

    """
    if path.exists():
        raise _exists(path, or_else)


def check_configuration(path: Path) -> None:
    """Check that a file is a configuration, which may be overwritten, or does not exist.

    Raises:
        RunExistsError: it is something else.

    """
    if not path.exists():
        return
    try:
        held = read_yaml(path)
    except AutoMTLError:
        held = {}
    if path.is_symlink() or "dataset" not in held:
        raise RunExistsError(f"{path}: exists already, and is no configuration", f"delete it, or {OTHER}")


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


def _exists(path: Path, or_else: str = "") -> RunExistsError:
    return RunExistsError(f"{path}: exists already", f"{OTHER}{or_else}")
