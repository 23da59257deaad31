"""docs/settings.md is what the classes of settings declare, and each setting says what it is."""

import runpy
from pathlib import Path

import pytest

from automtl_cli.settings import NAMED, PARTS, explained
from automtl_core.registry.plugins import load_registry

DOCS = Path(__file__).parents[2] / "docs"
REGISTRY = load_registry()
ALL = [
    *((part, "") for part in PARTS),
    *((name, n) for name, (_, kind) in NAMED.items() for n in REGISTRY.names(kind)),
]


def test_the_reference_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "make_settings_reference.py"))["page"]()
    assert (DOCS / "settings.md").read_text() == made, "run `make docs`"


@pytest.mark.parametrize(("kind", "name"), ALL, ids="-".join)
def test_every_setting_says_what_it_is(kind: str, name: str) -> None:
    for setting in explained(REGISTRY, kind, name).settings:
        assert setting.description, f"{setting.name} has no docstring below it"
