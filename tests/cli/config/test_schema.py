"""The JSON schema accepts configuration files, and refuses wrong keys, types and names."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from automtl_cli.config.schema import schema
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import COMPONENTS

Automtl = Callable[..., Any]
Install = Callable[..., str]

ROOT = Path(__file__).parents[3]
REGISTRY = load_registry()
SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def in_pages() -> Iterator[tuple[str, Any]]:
    """Yield the configuration files that documentation shows."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            yield page.name, yaml.safe_load(block)


def errors(config: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(config)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", REGISTRY.names(PRESETS))
def test_presets_are_valid(name: str) -> None:
    assert not errors(REGISTRY.get(PRESETS, name))


def test_files_in_the_documentation_are_valid() -> None:
    shown = list(in_pages())
    assert len(shown) > 4
    assert not [(page, fault) for page, config in shown for fault in errors(config)]


def test_a_file_of_data_init_is_valid(automtl: Automtl, here: Path) -> None:
    rows = "".join(f"u{n % 7},{n / 3:.2f},a|b,{n % 2},{n % 3 % 2}\n" for n in range(100))
    (here / "log.csv").write_text(f"user,price,tags,click,like\n{rows}")
    assert automtl("data", "init", "log.csv").code == 0
    assert not errors(yaml.safe_load((here / "log.yaml").read_text()))


@pytest.mark.parametrize("key", COMPONENTS)
def test_the_default_of_each_component_is_valid(key: str) -> None:
    kind = COMPONENTS[key]
    for each in REGISTRY.names(kind):
        config: Any = {"name": each, **REGISTRY.get(kind, each).settings_class().model_dump(mode="json")}
        for part in reversed(key.split(".")):
            config = {part: config}
        assert not errors(config)


@pytest.mark.parametrize(
    "config",
    [
        {"sed": 1},
        {"training": {"epochz": 1}},
        {"training": {"epochs": "x"}},
        {"training": {"balancer": {"name": "cagrad", "x": 1}}},
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
def test_faults_are_refused(config: Any) -> None:
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
def test_short_forms_are_valid(config: Any) -> None:
    assert not errors(config)


def test_settings_have_descriptions_and_defaults() -> None:
    epochs = SCHEMA["$defs"]["Recipe"]["properties"]["epochs"]
    assert (epochs["default"], epochs["minimum"]) == (80, 1)
    assert epochs["description"].startswith("Maximum number of epochs of the final training, after")
    assert SCHEMA["$defs"]["space-desan"]["properties"]["layers"]["description"]


def test_a_plugin_of_others_is_described(automtl: Automtl, install: Install) -> None:
    install(
        "from automtl_core import hookimpl\n"
        "from automtl_core.search.strategy import SearchStrategy\n"
        "from automtl_core.settings.settings import Settings\n"
        "class MineSettings(Settings):\n    weight: float = 0.5\n    '''Its weight.'''\n"
        "class Mine(SearchStrategy[MineSettings]):\n    '''Searches.'''\n"
        "    def search(self, listener): ...\n    def state_dict(self): ...\n"
        "    def load_state_dict(self, state): ...\n"
        "@hookimpl\ndef automtl_register_strategies():\n    return {'mine': Mine}\n",
        "mine",
    )
    found = automtl("config", "schema").json()
    assert found["$defs"]["strategy-mine"]["properties"]["weight"]["description"] == "Its weight."
