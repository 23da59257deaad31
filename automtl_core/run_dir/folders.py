"""Default folders of data: those of environment variables, or else below the working directory."""

import os
from pathlib import Path

from automtl_core.data.raw.remote import url_of
from automtl_core.dataset.dataset import Dataset


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
