"""Fixtures that tests of several packages share."""

import gc
import itertools
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

import pytest

# Models in tests are so small that a second thread costs more than it brings, here and in subprocesses.
os.environ["OMP_NUM_THREADS"] = "1"

# Before torch is imported: threads that spin while they wait slow down what runs beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Each of the many subprocesses would compile all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests make many objects: with the default threshold, the search for cycles takes a twentieth of their time.
gc.set_threshold(20_000, 20, 20)

# Tests are about the plugins of automtl, also in an environment where others are installed.
plugins = entry_points(group="automtl")
others = {plugin.name for plugin in plugins if plugin.dist and plugin.dist.name != "automtl"}
if others:
    os.environ["AUTOMTL_DISABLE_PLUGINS"] = ",".join(sorted(others))

# No power fails during a test, and every call takes milliseconds.
os.fsync = lambda descriptor: None

# A module and no conftest, so that torch is imported after the settings above.
pytest_plugins = ["command_line", "finished_runs", "made_rows"]

fresh = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes golden files anew."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs an extra whose packages are not installed."""
    for mark in item.iter_markers("needs_extra"):
        for extra in mark.args:
            if not _installed(extra):
                pytest.skip(f"needs the extra {extra}: pip install 'automtl[{extra}]'")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write a module and its metadata where Python finds them; return the name of the module."""

    def install(source: str, name: str, value: str = "{module}", metadata: bytes | None = None) -> str:
        module = f"automtl_test_plugin_{next(fresh)}"
        info = tmp_path / module / f"{module}-1.5.dist-info"
        info.mkdir(parents=True)
        (tmp_path / module / f"{module}.py").write_text(source)
        about = f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.5\n".encode()
        (info / "METADATA").write_bytes(about if metadata is None else metadata)
        (info / "entry_points.txt").write_text(f"[automtl]\n{name} = {value.format(module=module)}\n")
        monkeypatch.syspath_prepend(tmp_path / module)
        return module

    return install


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real samples in raw layout."""
    if "AUTOMTL_REAL_DATA" not in os.environ:
        pytest.skip("AUTOMTL_REAL_DATA names no folder with samples of the real data")
    return Path(os.environ["AUTOMTL_REAL_DATA"])


@cache
def _installed(extra: str) -> bool:
    """Return whether the packages of an extra are installed."""
    from automtl_cli.check import EXTRAS  # after the environment variables above

    if extra == "zst" and sys.version_info >= (3, 14):  # which has it
        return True
    try:
        return all(version(package) for package in EXTRAS[extra])
    except PackageNotFoundError:
        return False
