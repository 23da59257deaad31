"""Configurations are resolved and checked without data; their schema; the file to start from."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from failures import STRATEGY

from automtl_cli.config.schema import schema
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import COMPONENTS

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


def test_a_configuration_is_that_of_a_run(automtl, here):
    options = ("--config", "small.yaml", "--set", "training.epochs=2", "--dataset", "synthetic")
    planned = automtl("search", *options, "--dry-run", "--json").json()["config"]
    assert automtl("config", "show", *options, "--json").json() == {"config": planned}


def test_the_output_is_a_configuration_file(automtl, here):
    shown = automtl("config", "show", "--preset", "quick")
    (here / "again.yaml").write_text(shown.out)
    again = automtl("config", "show", "--config", "again.yaml")
    assert yaml.safe_load(again.out) == yaml.safe_load(shown.out)


def test_no_data_is_read(automtl, here):
    assert automtl("config", "show", "--dataset", "kuairand").code == 0
    assert [path.name for path in here.iterdir()] == ["small.yaml"]


def test_each_value_has_its_origin(automtl, here):
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


def test_a_model_has_its_settings_and_origins(automtl):
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


def test_a_model_takes_no_space(automtl):
    ended = automtl("config", "show", "--model", "mmoe", "--space", "desan")
    assert (ended.code, ended.out) == (2, "")
    assert "takes no --space" in ended.err


def test_all_faults_of_a_file_have_lines_and_remedies(automtl, here):
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


def test_names_that_only_the_space_knows_are_checked(automtl, here):
    (here / "op.yaml").write_text("space:\n  ops: [identity, mlp64]\nmetrics: [auk]\n")
    ended = automtl("config", "validate", "op.yaml", "--json")
    assert ended.code == 2
    assert '"line": 2' in ended.out
    assert "no op is called 'mlp64'" in ended.out
    assert "no metric is called 'auk'" in ended.out


def test_a_table_without_columns_has_a_remedy(automtl, here):
    (here / "table.yaml").write_text("dataset: table\n")
    ended = automtl("config", "validate", "table.yaml")
    assert (ended.code, ended.out.count("automtl data init FILE")) == (2, 1)
    assert ended.out.startswith("table.yaml:1: dataset: ")


def test_a_valid_file_is_valid(automtl, here):
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
def test_a_file_that_cannot_be_read(automtl, here, text, code, message):
    if text is not None:
        (here / "x.yaml").write_text(text)
    ended = automtl("config", "validate", "x.yaml")
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err


ROOT = Path(__file__).parents[2]
REGISTRY = load_registry()
SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def in_pages():
    """Yield the configuration files that documentation shows."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            yield page.name, yaml.safe_load(block)


def errors(config):
    return [error.message for error in VALIDATOR.iter_errors(config)]


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", REGISTRY.names(PRESETS))
def test_presets_are_valid(name):
    assert not errors(REGISTRY.get(PRESETS, name))


def test_files_in_the_documentation_are_valid():
    shown = list(in_pages())
    assert len(shown) > 4
    assert not [(page, fault) for page, config in shown for fault in errors(config)]


def test_a_file_of_data_init_is_valid(automtl, here):
    rows = "".join(f"u{n % 7},{n / 3:.2f},a|b,{n % 2},{n % 3 % 2}\n" for n in range(100))
    (here / "log.csv").write_text(f"user,price,tags,click,like\n{rows}")
    assert automtl("data", "init", "log.csv").code == 0
    assert not errors(yaml.safe_load((here / "log.yaml").read_text()))


@pytest.mark.parametrize("key", COMPONENTS)
def test_the_default_of_each_component_is_valid(key):
    kind = COMPONENTS[key]
    for each in REGISTRY.names(kind):
        config = {"name": each, **REGISTRY.get(kind, each).settings_class().model_dump(mode="json")}
        for part in reversed(key.split(".")):
            config = {part: config}
        assert not errors(config)
    if key == "training.losses":
        assert not errors({"training": {"losses": {"click": {"name": each}, "like": each}}})


@pytest.mark.parametrize(
    "config",
    [
        {"sed": 1},
        {"training": {"epochz": 1}},
        {"training": {"epochs": "x"}},
        {"training": {"balancer": {"name": "cagrad", "x": 1}}},
        {"training": {"losses": {"click": {"name": "focal", "x": 1}}}},
        {"training": {"losses": {"click": "focla"}}},
        {"space": "desam"},
        {"space": {"name": "desan", "layerz": 2}},
        {"space": {"nothing": 1}},
        {"strategy": {"name": "darts", "rounds": 2}},
        {"dataset": {"name": "table", "labels": {"click": {"king": 1}}}},
        {"dataset": {"name": "table", "files": 3}},
        {"dataset": None},
        {"features": "idz"},
        {"device": "gpu"},
    ],
    ids=str,
)
def test_faults_are_refused(config):
    assert errors(config)


@pytest.mark.parametrize(
    "config",
    [
        {"space": "mmoe", "strategy": None},
        {"space": {"layers": 2}, "features": "ids"},
        {"dataset": {"name": "table", "labels": "click", "dense": ["a"], "multi": {"t": None}}},
        {"dataset": {"files": {"train": "a.csv", "test": ["b.csv"]}, "vectors": {"a": "f.npy"}}},
        {"dataset": {"history": {"files": "log.csv"}, "sparse": {"a": "integer"}}},
    ],
    ids=str,
)
def test_short_forms_are_valid(config):
    assert not errors(config)


def test_settings_have_descriptions_and_defaults():
    epochs = SCHEMA["$defs"]["Recipe"]["properties"]["epochs"]
    assert (epochs["default"], epochs["minimum"]) == (80, 1)
    assert epochs["description"].startswith("Maximum number of epochs of the final training, after")
    assert SCHEMA["$defs"]["space-desan"]["properties"]["layers"]["description"]


def test_a_plugin_of_others_is_described(automtl, install):
    install(STRATEGY, "mine")
    found = automtl("config", "schema").json()
    assert found["$defs"]["strategy-mine"]["properties"]["weight"]["description"].endswith(" weighs.")


def test_it_is_valid_and_has_the_defaults(automtl, here):
    made = automtl("config", "init", "--json").json()
    assert made["path"] == "automtl.yaml"
    assert automtl("config", "validate", "automtl.yaml").code == 0
    assert automtl("config", "validate", "automtl.yaml", "--model", "mmoe").code == 0
    text = (here / "automtl.yaml").read_text()
    assert "  epochs: 80  # Maximum number of epochs of the final training, after those of a search\n" in text
    (here / "all.yaml").write_text(re.sub(r"^# ( *[a-z_]+:)", r"\1", text, flags=re.MULTILINE))
    defaults = automtl("config", "show", "--json").json()
    assert automtl("config", "show", "--config", "all.yaml", "--json").json() == defaults
    found = automtl("config", "show", "--config", "all.yaml", "--origin", "--json").json()["origins"]
    assert {found["space.layers"], found["strategy.rounds"]}.isdisjoint({"default", "preset default"})


def test_a_file_is_never_replaced(automtl, here):
    before = (here / "small.yaml").read_text()
    ended = automtl("config", "init", "--out", "small.yaml")
    assert (ended.code, ended.out) == (73, "")
    assert (here / "small.yaml").read_text() == before


def test_a_name_with_a_line_break_stays_in_its_comment(automtl, here):
    assert automtl("config", "init", "--out", "a\nb: 1.yaml").code == 0
    assert automtl("config", "validate", "a\nb: 1.yaml").code == 0
