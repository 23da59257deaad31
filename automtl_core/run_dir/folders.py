"""Where files are if nothing is said: in folders that the environment names, or below the working one."""

import os
from pathlib import Path

from automtl_core.dataset.dataset import Dataset


def raw_folder(dataset: Dataset, name: str, chosen: Path | None) -> Path | None:
    """Return where the raw files of a dataset are looked for, absolute; None where it needs none."""
    return (chosen or default_raw_folder(name)).absolute() if dataset.files() else None


def default_raw_folder(name: str) -> Path:
    """Return where the raw files of a dataset are looked for if nothing is said."""
    return Path(os.environ.get("AUTOMTL_DATA") or "data") / name


def prepared_folder() -> Path:
    """Return the folder that keeps prepared datasets if nothing is said."""
    return Path(os.environ.get("AUTOMTL_PREPARED") or "prepared")
