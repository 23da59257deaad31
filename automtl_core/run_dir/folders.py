"""Folders of runs and of data.

Those of data are in environment variables, or else below the working directory.
"""

import os
import re
from pathlib import Path

from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import InputMissingError, UsageError


def raw_folder(dataset: Dataset, name: str, chosen: Path | None) -> Path | None:
    """Return the absolute folder of the raw files of a dataset; None without files.

    Raises:
        UsageError: it is an address.

    """
    folder = chosen or default_raw_folder(name)
    if not dataset.files():
        return None
    if address := re.match("(s3|gs|gcs|r2|https?):/", str(folder)):  # a path holds one slash
        raise UsageError(
            f"{address[1]}://{str(folder)[address.end() :]}: is an address, not a folder of this machine",
            "copy the files, or mount the store as a folder, and name the folder",
        )
    return folder.absolute()


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
