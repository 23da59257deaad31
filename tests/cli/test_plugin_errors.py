"""What fails in a plugin is told as the plugin's fault."""

from pathlib import Path

import pytest

from .failures import DATASET, Automtl, Install, check


def test_an_unusable_plugin(automtl: Automtl, install: Install) -> None:
    hook = "from automtl_core import hookimpl\n@hookimpl\ndef automtl_register_datasets():\n    "
    install(hook + "return {'shop': 'automtl_no_such_module:Shop'}", "shop")
    check(
        automtl("data", "prepare", "shop"),
        69,
        "the dataset 'shop' of plugin 'shop' cannot be used: ModuleNot",
    )


def test_what_a_plugin_raises_is_its_own(
    automtl: Automtl, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = install(DATASET % "raise RuntimeError('boom \\x1b[31m')", "shop")
    Path("log.csv").write_text("item,click\na,1\n")
    prepare = ("data", "prepare", "shop", "--data-dir", ".")
    ended = automtl(*prepare)
    check(ended, 69, r"the dataset 'shop' of plugin 'shop' failed: RuntimeError: boom \\x1b\[31m \(.*:\d+\)")
    assert f"repair or upgrade {module} 1.5, or set AUTOMTL_DISABLE_PLUGINS=shop" in ended.err
    assert "Traceback" not in ended.err
    monkeypatch.setenv("AUTOMTL_DEBUG", "1")
    ended = automtl(*prepare)
    assert ended.code == 69
    assert "Traceback" in ended.err


def test_what_a_plugin_prints_while_it_is_imported_is_no_output(automtl: Automtl, install: Install) -> None:
    install("print('welcome')\n" + DATASET % "pass", "shop")
    ended = automtl("list", "datasets", "--json")
    assert "shop" in ended.json()
    assert ended.err == "welcome\n"


BROKEN = """
from torch import nn
from automtl_core import hookimpl
from automtl_core.search.strategy import SearchStrategy

def wide(in_dim, out_dim, dropout):
    return nn.Linear(in_dim, 1)

class Forgets(SearchStrategy):
    def search(self, listener): return None
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

class Fails(Forgets):
    def search(self, listener): return self.nothing

class Leaves(Forgets):
    def search(self, listener): raise SystemExit(3)

@hookimpl
def automtl_register_ops():
    return {"wide": wide}

@hookimpl
def automtl_register_strategies():
    return {"forgets": Forgets, "fails": Fails, "leaves": Leaves}
"""
FAULTS = {
    "op": (
        ["--set", "space.ops=[identity, wide]"],
        r"op 'wide' of plugin 'mine' maps \[2, \d+\] to \[2, 1\]",
    ),
    "result": (["--strategy", "forgets"], "the strategy 'forgets' of plugin 'mine': search returns NoneType"),
    "code": (["--strategy", "fails"], "strategy 'fails' of plugin 'mine' failed: AttributeError: 'Fails'"),
    "exit": (["--strategy", "leaves"], "strategy 'leaves' of plugin 'mine' failed: SystemExit: 3"),
}


@pytest.mark.parametrize(("options", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_plugin_names_it(
    automtl: Automtl, install: Install, options: list[str], message: str
) -> None:
    install(BROKEN, "mine")
    small = ("--set", "dataset.rows=500", "--set", "space.experts=2", "--set", "space.blocks=1")
    ended = automtl("search", *small, *options)
    check(ended, 69, message)
    assert "Traceback" not in ended.err
    for log in Path("runs").glob("*/log.txt"):
        assert "Traceback" in log.read_text() or "SearchResult" in log.read_text()
