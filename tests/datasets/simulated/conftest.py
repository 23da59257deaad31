"""Simulated raw files of every dataset."""

from pathlib import Path

import pytest

from automtl_core.data.simulate import simulate_into

from .samples import DATASETS, ROWS


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return for each dataset the folder of its simulated files."""
    root = tmp_path_factory.mktemp("simulated")
    for name, dataset in DATASETS.items():
        simulate_into(dataset(), name, root / name, ROWS[name], 0)
    return {name: root / name for name in DATASETS}
