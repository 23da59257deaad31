"""Folders of runs and of data.

Those of data are in environment variables, or else below the working directory.
"""

import os
from pathlib import Path

from automtl_core.data.raw.remote import url_of
from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import InputMissingError


def raw_folder(dataset: Dataset, name: str, chosen: Path | None) -> Path | None:
    """Return the absolute folder of the raw files of a dataset, or a remote one; None without files."""
    folder = chosen or default_raw_folder(name)
    if not dataset.files():
        return None
    return folder if url_of(folder) else folder.absolute()


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
        fix = "give the folder of a run, such as runs/NAME; `automtl runs list` shows all"
        raise InputMissingError(f"{path}: not a run directory", fix)
