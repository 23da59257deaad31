"""Configurations are resolved and checked without data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Automtl = Callable[..., Any]

SHOP = """\
dataset: {name: synthetic, rows: 500}
space:
  layers: 2
training:
  epochs: 7
"""
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


def test_a_configuration_is_that_of_a_run(automtl: Automtl, here: Path) -> None:
    options = ("--config", "small.yaml", "--set", "training.epochs=2", "--dataset", "synthetic")
    planned = automtl("search", *options, "--dry-run", "--json").json()["config"]
    assert automtl("config", "show", *options, "--json").json() == {"config": planned}


def test_the_output_is_a_configuration_file(automtl: Automtl, here: Path) -> None:
    shown = automtl("config", "show", "--preset", "quick")
    (here / "again.yaml").write_text(shown.out)
    again = automtl("config", "show", "--config", "again.yaml")
    assert yaml.safe_load(again.out) == yaml.safe_load(shown.out)


def test_no_data_is_read(automtl: Automtl, here: Path) -> None:
    assert automtl("config", "show", "--dataset", "kuairand").code == 0
    assert [path.name for path in here.iterdir()] == ["small.yaml"]


def test_each_value_has_its_origin(automtl: Automtl, here: Path) -> None:
    (here / "shop.yaml").write_text(SHOP)
    options = ("--config", "shop.yaml", "--preset", "quick", "--set", "seed=4", "--strategy", "pd-darts")
    found = automtl("config", "show", *options, "--origin", "--json").json()
    expected = {
        "dataset.rows": "shop.yaml:1",
        "space.layers": "shop.yaml:3",
        "training.epochs": "shop.yaml:5",
        "space.experts": "preset quick",
        "metrics": "preset default",
        "strategy.name": "--strategy",
        "seed": "--set",
        "device": "default",
    }
    assert expected.items() <= found["origins"].items()
    shown = automtl("config", "show", *options, "--origin").out
    (line,) = [line for line in shown.splitlines() if line.startswith("training.epochs ")]
    assert line.split() == ["training.epochs", "7", "shop.yaml:5"]


def test_a_model_has_its_settings_and_origins(automtl: Automtl) -> None:
    options = ("--model", "mmoe+uncertainty", "--preset", "quick", "--set", "space.experts=3")
    found = automtl("config", "show", *options, "--origin", "--json").json()
    assert (found["config"]["space"]["name"], found["config"]["strategy"]) == ("mmoe", None)
    expected = {
        "space.name": "--model mmoe+uncertainty",
        "space.experts": "--set",
        "strategy": "--model mmoe+uncertainty",
        "training.balancer.name": "--model mmoe+uncertainty",
        "training.patience": "preset quick",
    }
    assert expected.items() <= found["origins"].items()


def test_a_model_takes_no_space(automtl: Automtl) -> None:
    ended = automtl("config", "show", "--model", "mmoe", "--space", "desan")
    assert (ended.code, ended.out) == (2, "")
    assert "takes no --space" in ended.err


def test_all_faults_of_a_file_have_lines_and_remedies(automtl: Automtl, here: Path) -> None:
    (here / "bad.yaml").write_text(FAULTY)
    ended = automtl("config", "validate", "bad.yaml")
    assert ended.code == 2
    assert "error: bad.yaml: 5 faults" in ended.err
    places = [line.partition(" ")[::2] for line in ended.out.splitlines() if not line.startswith("  fix: ")]
    assert sorted((place, text.split()[0].rstrip(":")) for place, text in places) == [
        ("bad.yaml:3:", "dataset.labels.click.after"),
        ("bad.yaml:4:", "dataset.split"),
        ("bad.yaml:6:", "space.layerz"),
        ("bad.yaml:8:", "training.epochs"),
        ("bad.yaml:9:", "sed"),
    ]
    assert ended.out.count("  fix: ") >= 3


def test_names_that_only_the_space_knows_are_checked(automtl: Automtl, here: Path) -> None:
    (here / "op.yaml").write_text("space:\n  ops: [identity, mlp64]\nmetrics: [auk]\n")
    ended = automtl("config", "validate", "op.yaml", "--json")
    assert ended.code == 2
    assert '"line": 2' in ended.out
    assert "no op is called 'mlp64'" in ended.out
    assert "no metric is called 'auk'" in ended.out


def test_a_table_without_columns_has_a_remedy(automtl: Automtl, here: Path) -> None:
    (here / "table.yaml").write_text("dataset: table\n")
    ended = automtl("config", "validate", "table.yaml")
    assert (ended.code, ended.out.count("automtl data init FILE")) == (2, 1)
    assert ended.out.startswith("table.yaml:1: dataset: ")


def test_a_valid_file_is_valid(automtl: Automtl, here: Path) -> None:
    (here / "model.yaml").write_text("dataset: synthetic\nspace: {tower_layers: [8]}\n")
    assert automtl("config", "validate", "small.yaml").out == "small.yaml: valid\n"
    assert automtl("config", "validate", "model.yaml").code == 2
    found = automtl("config", "validate", "model.yaml", "--model", "mmoe", "--json").json()
    assert found == {"file": "model.yaml", "valid": True, "faults": []}


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (None, 66, "x.yaml: cannot be read"),
        ("a: [1\nb: 2", 2, "x.yaml:2: not valid YAML"),
        ("a", 2, "expected `key: value` lines"),
    ],
)
def test_a_file_that_cannot_be_read(
    automtl: Automtl, here: Path, text: str | None, code: int, message: str
) -> None:
    if text is not None:
        (here / "x.yaml").write_text(text)
    ended = automtl("config", "validate", "x.yaml")
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
