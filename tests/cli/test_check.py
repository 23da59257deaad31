"""`automtl check`: one table of checks, and an exit code for problems."""

import json
import re
import tomllib
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from automtl_cli import check
from automtl_cli.check import EXTRAS, Check, data, plugins
from automtl_cli.configuration import layers
from automtl_cli.options import Configuration
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.workflow import Workflow

ROWS = "user,click\n" + "".join(f"u{n % 9},{n % 2}\n" for n in range(2000))
TOOLS = {"bench", "dev", "docs", "release"}
FAULTY = """\
dataset:
  name: table
  labels: {click: {after: view}}
  split: user
space:
  layerz: 2
training:
  epochs: "many"
sed: 3
"""
LOST = """
from automtl_core import hookimpl
@hookimpl
def automtl_register_ops():
    return {"lost": "automtl_no_such_module:Op"}
"""


@pytest.fixture(autouse=True)
def few_extras(monkeypatch):
    """Check one extra only: the import of others takes seconds."""
    monkeypatch.setattr(check, "EXTRAS", {"zst": EXTRAS["zst"]})


def checks(ended):
    return {check["name"]: check for check in json.loads(ended.out)}


def test_without_problems(automtl, here, monkeypatch):
    monkeypatch.delenv("AUTOMTL_DISABLE_PLUGINS", raising=False)
    ended = automtl("check", "small.yaml", "--json")
    assert ended.code == 0, ended.err
    found = checks(ended)
    assert {"python", "torch", "device", "plugins", "extra zst"} <= found.keys()
    assert found["configuration small.yaml"]["result"] == "valid: synthetic, desan, pd-darts-entropy"
    assert found["dataset synthetic"]["result"] == "needs no files"
    assert all(check["remedy"] for check in found.values() if check["status"] != "ok")
    assert [path.name for path in here.iterdir()] == ["small.yaml"], "it writes nothing"


def test_each_fault_of_folders_and_configurations_has_its_line_and_its_remedy(automtl, here):
    (here / "runs").touch()
    (here / "bad.yaml").write_text(FAULTY)
    ended = automtl("check", "bad.yaml", "--json")
    assert ended.code == 78
    assert "error: 6 problems: folder of runs, configuration bad.yaml:" in ended.err
    problems = [check for check in checks(ended).values() if check["status"] == "problem"]
    assert sorted((check["name"], check["result"].split()[0].rstrip(":")) for check in problems[1:]) == [
        ("configuration bad.yaml:3", "dataset.labels.click.after"),
        ("configuration bad.yaml:4", "dataset.split"),
        ("configuration bad.yaml:6", "space.layerz"),
        ("configuration bad.yaml:8", "training.epochs"),
        ("configuration bad.yaml:9", "sed"),
    ]
    assert all(check["remedy"] for check in problems)
    assert "configuration lost.yaml" in automtl("check", "lost.yaml").err
    assert "no op is called 'mlp64'" in automtl("check", "small.yaml", "--set", "space.ops=[mlp64]").out


def test_a_folder_that_does_not_exist_is_checked_above(tmp_path):
    found = check.folder("runs", tmp_path / "a" / "b")
    assert found.status == "ok"
    assert f"to be created in {tmp_path}" in found.result
    assert not list(tmp_path.iterdir())
    assert check.folder("runs", tmp_path, needed=1 << 60).status == "warning"


def test_extras_are_those_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    packages = {name: tuple(re.split(r"[\[>]", one)[0] for one in extras[name]) for name in extras}
    assert {name: packages[name] for name in extras.keys() - TOOLS} == EXTRAS


def test_plugins_that_are_not_usable(install, monkeypatch):
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


def checked(folder, *settings, file="log.csv"):
    """Return the check of a table in a folder."""
    table = f"dataset={{name: table, files: {file}, sparse: [user], labels: [click]}}"
    given = Configuration(data_dir=folder, settings=[table, *settings])
    job = Workflow(load_registry()).job(layers(given, {}).all)
    return data(job)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not found"),
        ("", "the file is empty"),
        ("usr,click\nu,1\n", "user"),
        ("user,click\n" + "u,1\n" * 10 + "u,2\n" * 5, "log.csv:12: click: expected 0, 1"),
    ],
)
def test_files_that_cannot_be_used_are_a_problem(tmp_path, content, message):
    if content is not None:
        (tmp_path / "log.csv").write_text(content)
    check = checked(tmp_path)
    assert (check.status, message in check.result) == ("problem", True)
    assert check.result.count("log.csv") <= 3
    assert check.remedy


def test_the_first_rows_are_checked(tmp_path):
    (tmp_path / "log.csv").write_text(ROWS + "u\n")
    found = "10.0 kB; first rows are as declared: log.csv (1,000)"
    assert checked(tmp_path) == Check("dataset table", "ok", found)
    for clicks, status in (([*[0] * 1500, 2], "ok"), ([2, *[0] * 1500], "problem")):
        frame = pd.DataFrame({"user": ["u"] * 1501, "click": clicks})
        duckdb.from_df(frame).write_parquet(str(tmp_path / "log.parquet"))
        assert checked(tmp_path, file="log.parquet").status == status
