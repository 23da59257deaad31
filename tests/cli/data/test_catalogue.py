"""The commands that tell what datasets there are: list and show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry

Automtl = Callable[..., Any]
Install = Callable[..., str]

LOST = """
from automtl_core import hookimpl

@hookimpl
def automtl_register_datasets():
    return {"shop": "automtl_no_such_module:Shop"}
"""


def test_datasets_are_listed_with_tasks(automtl: Automtl) -> None:
    found = automtl("data", "list", "--json").json()
    assert set(found) == set(load_registry().names(DATASETS))
    for name, about in automtl("list", "datasets", "--json").json().items():
        assert about.items() <= found[name].items()
    assert found["userbehavior"]["tasks"] == ["click", "buy", "cart", "favourite"]
    assert [line.split()[0] for line in automtl("data", "list").out.splitlines()] == ["name", *found]


def test_a_dataset_that_cannot_be_used_is_listed_with_its_reason(automtl: Automtl, install: Install) -> None:
    install(LOST, "shop")
    found = automtl("data", "list", "--json").json()["shop"]
    assert found["description"].startswith("NOT USABLE: ")
    assert found["tasks"] == []


@pytest.mark.parametrize("name", load_registry().names(DATASETS))
def test_every_dataset_can_be_shown(automtl: Automtl, name: str) -> None:
    found = automtl("data", "show", name, "--json").json()
    adapter = load_registry().get(DATASETS, name)
    assert found["description"].startswith(load_registry().describe(DATASETS, name))
    assert found["preparation"] == adapter.preparation
    assert set(found["settings"]) == set(adapter.settings_class.model_fields)
    assert all(setting["description"] for setting in found["settings"].values())
    shown = automtl("data", "show", name)
    assert shown.code == 0, shown.err
    for file in found["files"].values():
        assert file["found"] == 0
        assert f"\n{file['path']} (missing)" in shown.out


def test_showing_tells_files_tasks_and_settings(automtl: Automtl, shop: Path) -> None:
    found = automtl("data", "show", "shop", "--set", "dataset.min_count=3", "--json").json()
    assert found["folder"] == str(shop.parent)
    assert found["files"] == {
        "log": {
            "path": "log.csv", "found": 1, "rows": None, "header": True, "separator": ",",
            "columns": {"user": "integer", "coupon": "text", "click": "0 or 1"},
        }
    }  # fmt: skip
    assert found["tasks"] == [{"name": "click", "kind": "binary", "after": None}]
    assert found["settings"]["min_count"] == {
        "value": 3,
        "takes": "a whole number from 1 or a mapping of names to whole numbers from 1",
        "description": "Minimum number of training rows of a categorical value. Rarer values become unseen "
        "ids. A mapping such as {item_id: 2} is about the fields that it names.",
    }
    assert automtl("data", "show", "shop", "--set", "dataset.min_cout=3").code == 2
