"""Crafted settings, names and paths are refused with a message, or accepted; none gives a traceback."""

import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

from automtl_cli.settings import NAMED, PARTS, explained
from automtl_core.registry.plugins import load_registry

from .ended import fault
from .programme import tried

ODD = (
    None, [], {}, "x", "", -1, 0, 10**30, 1e308, float("nan"), float("inf"), True, [[]], {"a": {"b": None}},
    [None], "\x1b[31mred", "\u202eevil", "a\nerror: forged", "../../etc/passwd", "x" * 5000, "auto", "1e9",
    "$HOME", "~",
)  # fmt: skip
"""Values that few settings accept."""
COMMANDS = (
    "show", "report", "evaluate", "data describe", "data init", "settings",
    "list", "plugins check", "watch", "export", "config validate", "retrain", "search --resume",
    "search --dry-run --from", "search --dry-run --dataset", "train --dry-run --model", "compare --models",
    "predict --input x.csv --output y",
)  # fmt: skip
"""Commands that lack a name."""
NAMES = (
    "", ".", "..", "/", "/dev/null", "-", "\x1b[31m", "a\nerror: b", "x" * 300, "%s", "{}", "nothing", "~",
    "a/../b", "$HOME", "*", "[1]", "\u202ex", "é", "a b", "1", "null", "--help-me",
)  # fmt: skip


def settings() -> Iterator[str]:
    """Yield the path of each setting, with that of each component."""
    registry = load_registry()
    for part in PARTS:
        for setting in explained(registry, part).settings:
            yield setting.name if part == "run" else f"{part}.{setting.name}"
    for kind, (key, of) in NAMED.items():
        for name in registry.names(of):
            for setting in explained(registry, kind, name).settings:
                yield f"{key}={name}.{setting.name}"


def document(path: str, value: object) -> dict[str, object]:
    """Return a configuration with a value at a path; `strategy=random.rows` also names the strategy."""
    part, _, rest = path.partition(".")
    key, _, name = part.partition("=")
    for inner in reversed(rest.split(".")) if rest else ():
        value = {inner: value}
    named = {"name": name} if name else {}
    return {key: {**named, **value} if isinstance(value, dict) and rest else value}


def test_settings_in_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"

    def one(case: tuple[str, object]) -> str | None:
        file.write_text(yaml.safe_dump(document(*case), allow_unicode=True))
        return fault(capsys, ["config", "validate", str(file)])

    tried("crafted settings in files", list(product(settings(), ODD))[::14], one, "config validate", few=20)


def test_settings_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def one(case: tuple[str, object]) -> str | None:
        path, value = case
        name, _, rest = path.partition("=")
        key = f"{name}.{rest.partition('.')[2]}" if rest else path
        named = ["--set", f"{name}.name={rest.partition('.')[0]}"] if rest else []
        return fault(capsys, ["config", "show", *named, "--set", f"{key}={json.dumps(value)}"])

    tried("crafted settings of --set", list(product(settings(), ODD))[1::28], one, "config show", few=20)


def test_names_and_paths(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = [[*words.split(), name] for words, name in product(COMMANDS, NAMES)]
    random.Random(0).shuffle(cases)
    tried("crafted names and paths", cases[::2], lambda words: fault(capsys, words), "all commands", few=20)
