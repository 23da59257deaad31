"""`automtl plugins check` names the requirement that a plugin violates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..failures import DATASET, check

Automtl = Callable[..., Any]
Install = Callable[..., str]

OPS = """
import torch
from torch import nn
from automtl_core import hookimpl

class Op(nn.Module):
    def __init__(self, in_dim, out_dim, dropout):
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)

    def forward(self, x):
        return self.linear(x)

class Narrow(Op):
    def forward(self, x):
        return super().forward(x)[:, :1]

class Random(Op):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, True))

class Undefined(Op):
    def forward(self, x):
        return super().forward(x) / torch.zeros(())

class Raises(Op):
    def forward(self, x):
        return self.missing(x)

class Leaves(Op):
    def forward(self, x):
        raise SystemExit(3)

@hookimpl
def automtl_register_ops():
    return {"sound": Op, "narrow": Narrow, "random": Random, "undefined": Undefined, "raises": Raises,
            "leaves": Leaves, "lost": "automtl_no_such_module:Op"}
"""
FAULTS = {
    "narrow": ("shapes and gradients", "the op 'narrow' of plugin 'mine' maps [2, 7] to [2, 1]"),
    "random": ("evaluation", "evaluation must be deterministic"),
    "undefined": ("shapes and gradients", "outputs must be finite for finite inputs"),
    "raises": ("shapes and gradients", "AttributeError: 'Raises' object has no attribute 'missing'"),
    "leaves": ("shapes and gradients", "SystemExit: 3"),
    "lost": ("loading", "ModuleNotFoundError: No module named 'automtl_no_such_module'"),
}


def test_a_sound_object_passes(automtl: Automtl, install: Install) -> None:
    install(OPS, "mine")
    for name in ("sound", "mlp-4"):
        ended = automtl("plugins", "check", name)
        assert ended.code == 0, ended.err
        assert ended.out.splitlines()[-1] == "7 tests: 7 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(("name", "test", "reason"), [(name, *fault) for name, fault in FAULTS.items()])
def test_a_broken_op_fails_with_its_reason(
    automtl: Automtl, install: Install, name: str, test: str, reason: str
) -> None:
    install(OPS, "mine")
    ended = automtl("plugins", "check", name)
    assert ended.code == 69
    (first, *_) = [line for line in ended.out.splitlines() if "failed: " in line]
    assert first.split("  ")[0] == "mine"
    assert f"op {name}" in first
    assert test in first
    assert reason in first
    assert f"tests of {name} failed: op '{name}'" in ended.err
    assert "Traceback" not in ended.err


def test_all_objects_of_a_distribution_are_checked(automtl: Automtl, install: Install) -> None:
    module = install(OPS, "mine")
    ended = automtl("plugins", "check", module.replace("_", "-"))
    assert ended.code == 69
    for name in ("sound", *FAULTS):
        assert f"op {name}" in ended.out
    assert "op 'sound'" not in ended.err
    assert "op 'lost'" in ended.err


def test_a_plugin_that_does_not_load_fails(automtl: Automtl, install: Install) -> None:
    install("import automtl_no_such_module", "broken")
    ended = automtl("plugins", "check", "broken")
    assert ended.code == 69
    assert "loading  failed: ModuleNotFoundError: No module named 'automtl_no_such_module'" in ended.out


def test_json_holds_each_outcome(automtl: Automtl, install: Install) -> None:
    install(OPS, "mine")
    ended = automtl("plugins", "check", "bag", "--json")
    assert ended.json() == [
        {"plugin": "datasets", "kind": "plugin", "name": "datasets", "test": "loading", "state": "passed",
         "reason": ""},
        {"plugin": "datasets", "kind": "field kind", "name": "bag", "test": "encoding", "state": "skipped",
         "reason": "fields of bags are checked with a dataset"},
    ]  # fmt: skip


def test_raw_files_that_are_missing(automtl: Automtl, install: Install) -> None:
    install(DATASET % "return db.table('log')", "shop")
    ended = automtl("plugins", "check", "shop")
    assert ended.code == 69
    assert "name the folder of its raw files: --data-dir FOLDER" in ended.out
    Path("log.csv").write_text("item,click\n" + "".join(f"i{k % 5},{k % 2}\n" for k in range(60)))
    assert automtl("plugins", "check", "shop", "--data-dir", ".").code == 0
    ended = automtl("plugins", "check", "shop", "--data-dir", ".", "--set", "dataset.min_count=70")
    assert ended.code == 0


WRONG = {
    "unknown": (["nothing-like-it"], "no plugin, and no object of a plugin, is called 'nothing-like-it'"),
    "near": (["idenity"], r"called 'idenity' \(did you mean 'identity'\?\)"),
    "section": (
        ["darts", "--set", "search.epochs=1"],
        "--set search: tests of a plugin have no such setting",
    ),
    "value": (["darts", "--set", "strategy=3"], "--set strategy"),
    "setting": (["darts", "--set", "strategy.epoch=1"], "strategy.epoch"),
    "effect": (["metrics", "--set", "strategy.epochs=2"], "metrics has no strategies: --set"),
    "folder": (["metrics", "--data-dir", "."], "metrics has no datasets: --set and --data-dir"),
    "form": (["darts", "--set", "epochs"], "is not of the form"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_names_and_settings(automtl: Automtl, arguments: list[str], message: str) -> None:
    check(automtl("plugins", "check", *arguments), 2, message)


def test_json_belongs_to_the_command(automtl: Automtl) -> None:
    check(automtl("plugins", "--json", "check", "identity"), 2, "--json must follow the command")
