"""Each example is a plugin that loads, with a test that passes; `scripts/examples.py` installs them."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from projects import installed

from automtl_core.registry.plugins import load_registry
from automtl_testing.commands import KINDS

ROOT = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path.parent for path in ROOT.glob("*/pyproject.toml"))


def test_the_contract_tests_of_all_pass():
    others = [path for path in EXAMPLES if path.name not in KINDS]  # as a new project: tests/testing
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [*command, "--rootdir", ROOT.parent, *others],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, EXAMPLES), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_each_is_a_plugin_that_loads_and_has_a_test(folder, tmp_path, monkeypatch):
    installed(folder, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(folder)
    (name,) = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"]["automtl"]
    (row,) = [row for row in load_registry().rows if row.name == name]
    assert row.problem is None
    assert any(row.provides.values())
    assert list(folder.glob("test_*.py"))
    assert f"`{name}`" in (folder / "README.md").read_text()
