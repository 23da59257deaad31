"""The file of `automtl config init` has the defaults, also where they are commented out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Automtl = Callable[..., Any]


def test_it_is_valid_and_has_the_defaults(automtl: Automtl, here: Path) -> None:
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


def test_a_file_is_never_replaced(automtl: Automtl, here: Path) -> None:
    before = (here / "small.yaml").read_text()
    ended = automtl("config", "init", "--out", "small.yaml")
    assert (ended.code, ended.out) == (73, "")
    assert (here / "small.yaml").read_text() == before


def test_a_name_with_a_line_break_stays_in_its_comment(automtl: Automtl, here: Path) -> None:
    assert automtl("config", "init", "--out", "a\nb: 1.yaml").code == 0
    assert automtl("config", "validate", "a\nb: 1.yaml").code == 0
