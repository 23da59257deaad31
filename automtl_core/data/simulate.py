"""Folders of generated raw files, marked as such.

What the files of a dataset look like is up to its adapter.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automtl_core.dataset.dataset import Dataset
from automtl_core.disk.files import publish_folder
from automtl_core.errors import RunExistsError, UsageError

MARKER = "automtl-simulated.json"
"""The file that says that the others beside it are simulated."""


def simulate_into(dataset: Dataset, name: str, folder: Path, rows: int, seed: int) -> None:
    """Write generated raw files of a dataset, and `MARKER` with name, rows and seed, to a new folder.

    The folder appears whole or not at all; the same rows and seed make the same bytes.

    Raises:
        UsageError: there is not one row to write, or the dataset cannot be simulated.
        RunExistsError: the folder holds something already, or its place cannot be written to.
        StorageError: writing failed.

    """
    if rows < 1:
        raise UsageError(f"cannot simulate {rows} rows", "ask for at least 1")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RunExistsError(f"{folder}: holds something already", "choose another folder")
    with publish_folder(folder) as draft:
        dataset.simulate(draft, rows, seed)
        marker = {"dataset": name, "rows": rows, "seed": seed}
        (draft / MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")


def warning(marker: Mapping[str, Any]) -> str:
    """Return what to say, in a line, wherever there are results on simulated files.

    Args:
        marker: What `MARKER` holds.

    """
    rows, seed = (marker.get(key, "unknown") for key in ("rows", "seed"))
    return f"the data is simulated (rows: {rows}, seed: {seed}): results say nothing about the real data"
