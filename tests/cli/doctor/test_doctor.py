"""`automtl doctor`: one table, and an exit code for problems."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automtl_cli.doctor import packages

Automtl = Callable[..., Any]


@pytest.fixture(autouse=True)
def few_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check one extra only: the import of others takes seconds."""
    monkeypatch.setattr(packages, "EXTRAS", {"zst": packages.EXTRAS["zst"]})


def checks(ended: Any) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(ended.out)}


def test_without_problems(automtl: Automtl, here: Path) -> None:
    ended = automtl("doctor", "--config", "small.yaml", "--json")
    assert ended.code == 0, ended.err
    found = checks(ended)
    assert {"python", "torch", "device", "bf16", "memory", "plugins", "extra zst"} <= found.keys()
    assert found["configuration small.yaml"]["result"] == "valid: synthetic, desan, pd-darts-entropy"
    assert found["dataset synthetic"]["result"] == "needs no files"
    assert all(check["remedy"] for check in found.values() if check["status"] != "ok")
    assert [path.name for path in here.iterdir()] == ["small.yaml"], "it writes nothing"


def test_problems_of_data_and_folders(automtl: Automtl, here: Path) -> None:
    (here / "runs").touch()
    ended = automtl("doctor", "--config", "small.yaml", "--set", "space.ops=[identity,mlp64]")
    assert ended.code == 78
    assert "error: 2 problems: folder of runs, configuration small.yaml" in ended.err
    (line,) = [line for line in ended.out.splitlines() if line.startswith("configuration")]
    assert "no op is called 'mlp64'" in line


def test_a_configuration_with_faults_is_a_problem(automtl: Automtl, here: Path) -> None:
    (here / "bad.yaml").write_text("space: {layerz: 2}\nsed: 3\n")
    ended = automtl("doctor", "--config", "bad.yaml", "--json")
    check = checks(ended)["configuration bad.yaml"]
    assert (ended.code, check["status"]) == (78, "problem")
    assert "space.layerz" in check["result"]
    assert "sed is not a setting" in check["result"]
