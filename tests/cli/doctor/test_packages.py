"""Checks of optional packages and of plugins."""

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from automtl_cli.doctor.packages import EXTRAS, extras, plugins
from automtl_core.registry.plugins import load_registry

Install = Callable[..., str]

ROOT = Path(__file__).parents[3]
TOOLS = {"bench", "dev", "docs", "release"}
LOST = """
from automtl_core import hookimpl
@hookimpl
def automtl_register_ops():
    return {"lost": "automtl_no_such_module:Op"}
"""


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {
        extra: tuple(re.split(r"[\[>]", package)[0] for package in packages)
        for extra, packages in project.items()
        if extra not in TOOLS
    }
    assert names == EXTRAS


@pytest.mark.needs_extra("onnx")
def test_an_extra_has_its_use_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("lightgbm", "torchjd", "onnx"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))  # the import takes seconds
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # the import of a broken installation fails
    monkeypatch.setitem(EXTRAS, "zst", ("automtl-no-such-package",))  # type: ignore[arg-type]
    checks = {check.name: check for check in extras(load_registry())}
    assert checks["extra boosting"].result.endswith("; for space boosting")
    assert "cagrad" in checks["extra torchjd"].result
    assert checks["extra onnx"].status == "warning"
    assert "onnxruntime cannot be imported" in checks["extra onnx"].result
    assert checks["extra zst"].status == "ok"
    assert checks["extra zst"].result.startswith("not installed: automtl-no-such-package; for raw files")
    assert checks["extra zst"].remedy == "pip install 'automtl[zst]'"


def test_plugins_that_are_not_usable(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("import automtl_no_such_module", "broken")
    install(LOST, "half")
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "metrics")
    checks = {check.name: check for check in plugins(load_registry())}
    assert {name: check.status for name, check in checks.items()} == {
        "plugin broken": "problem",
        "plugin metrics": "warning",
        "op lost": "problem",
    }
    assert "ModuleNotFoundError" in checks["plugin broken"].result
    assert all(check.remedy for check in checks.values())
