"""Hostile texts and files: nothing printed acts on a terminal, and no file breaks a command."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .failures import DATASET, SEARCH, Automtl, Install, check

PAYLOAD = "\x1b[31m\x9b0m\u202e\x07[bold]x[/bold]"


def sinks(automtl: Automtl, install: Install) -> Iterator[Any]:
    """Give a hostile string to everything that prints what it is given."""
    yield automtl(PAYLOAD)
    yield automtl("search", f"--{PAYLOAD}")
    yield automtl("list", PAYLOAD)
    for option in (
        "--space",
        "--strategy",
        "--dataset",
        "--preset",
        "--config",
        "--set",
        "--resume",
        "--seed",
    ):
        yield automtl("search", option, PAYLOAD)
    yield automtl("search", "--set", f"{PAYLOAD}=1")
    yield automtl("search", "--set", f"training.epochs='{PAYLOAD}'")
    yield automtl("data", "prepare", "userbehavior", "--data-dir", PAYLOAD)
    yield automtl(*SEARCH, "--name", PAYLOAD)
    yield automtl(*SEARCH, "--name", PAYLOAD)
    yield automtl("evaluate", Path("runs", PAYLOAD))
    yield automtl("show", PAYLOAD)
    for value in (PAYLOAD, [PAYLOAD]):
        Path("a.json").write_text(
            json.dumps({"format": 1, "origin": None, "decisions": {f"{PAYLOAD}/{PAYLOAD}/x": value}})
        )
        yield automtl("show", "a.json")
        yield automtl("show", "a.json", "--json")
    install(f"'''x'''\nraise RuntimeError({PAYLOAD!r})", PAYLOAD.replace("[", "").replace("]", ""))
    install(
        DATASET.replace("class Shop(Dataset):", f"class Shop(Dataset):\n    {PAYLOAD!r}") % "pass", "shop"
    )
    yield automtl("plugins")
    yield automtl("plugins", "--json")
    yield automtl("list", "datasets")
    yield automtl("list", "datasets", "--json")


def test_nothing_printed_acts_on_a_terminal(automtl: Automtl, install: Install) -> None:
    for ended in sinks(automtl, install):
        printed = ended.out + ended.err
        assert printed
        assert [c for c in printed if not c.isprintable() and c != "\n"] == []


HOSTILE = {
    "no JSON": "{",
    "a list": "[]",
    "a number": "3",
    "deep": "[" * 100_000,
    "other origin": '{"format": 1, "origin": {"space": 1}, "decisions": {}}',
    "other schema": (
        '{"format": 1, "origin": {"space": "s", "settings": 1, "schema": 3, "plugins": 4}, "decisions": {}}'
    ),
    "other decisions": '{"format": 1, "origin": null, "decisions": [1]}',
    "decision of another kind": '{"format": 1, "origin": null, "decisions": {"a": 1}}',
    "huge number": '{"format": 1, "origin": null, "decisions": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_file_is_shown_that_is_no_architecture(automtl: Automtl, content: str) -> None:
    Path("a.json").write_text(content)
    check(automtl("show", "a.json"), 65, "")
