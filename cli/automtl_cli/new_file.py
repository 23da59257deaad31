"""New configuration files, which replace no file but a configuration, and that only if a user says so."""

from pathlib import Path

from automtl_core.disk.files import write_atomic
from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.errors import AutoMTLError, RunExistsError


def check_path(path: Path, force: bool | None = None) -> None:
    """Check that a configuration may be written to a path.

    Args:
        path: The file.
        force: Whether an existing configuration is overwritten; None if the command cannot do so.

    Raises:
        RunExistsError: the file exists and is not overwritten.

    """
    other = "give another name: --out NAME.yaml"
    if not path.exists():
        return
    if not force:
        force_too = ", or overwrite it: --force" if force is False else ""
        raise RunExistsError(f"{path}: exists already", f"{other}{force_too}")
    try:
        held = read_yaml(path)
    except AutoMTLError:
        held = {}
    if path.is_symlink() or "dataset" not in held:
        raise RunExistsError(f"{path}: exists already, and is no configuration", f"delete it, or {other}")


def write(path: Path, content: str) -> None:
    """Write a file, either completely or not at all; raises as `write_atomic`, or if it has no folder."""
    if not path.absolute().parent.is_dir():
        raise RunExistsError(f"{path}: cannot be written: its folder does not exist", "choose another --out")
    write_atomic(path, content.encode())
