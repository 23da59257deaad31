"""Default folders of data: those of environment variables, or else below the working directory."""

import os
from pathlib import Path

from automtl_core.dataset.dataset import Dataset


def raw_folder(dataset: Dataset, name: str, chosen: Path | None) -> Path | None:
    """Return the absolute folder of the raw files of a dataset; None for a dataset without files."""
    return (chosen or default_raw_folder(name)).absolute() if dataset.files() else None


def default_raw_folder(name: str) -> Path:
    """Return the default folder of the raw files of a dataset."""
    return Path(os.environ.get("AUTOMTL_DATA") or "data") / name


def prepared_folder() -> Path:
    """Return the default folder of prepared datasets."""
    return Path(os.environ.get("AUTOMTL_PREPARED") or "prepared")
