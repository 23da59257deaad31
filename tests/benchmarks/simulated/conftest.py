"""Simulated raw files of every dataset."""

from pathlib import Path

import pytest

from simulated import SIMULATORS

from .samples import ROWS


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return for each dataset the folder of its simulated files."""
    root = tmp_path_factory.mktemp("simulated")
    for name, simulate in SIMULATORS.items():
        (root / name).mkdir()
        simulate(root / name, ROWS[name], 0)
    return {name: root / name for name in SIMULATORS}
