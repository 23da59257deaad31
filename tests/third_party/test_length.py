"""A plugin of a third party is short: one file of at most sixty lines."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
LIMITS = {"automtl_gelu": 15, "famo": 30, "single_path": 40}
PLUGINS = [
    path for path in FOLDER.rglob("*.py") if not path.name.startswith("test_") and path.name != "conftest.py"
]


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_a_plugin_is_short(path):
    assert len(path.read_text().splitlines()) <= LIMITS.get(path.stem, 60)
