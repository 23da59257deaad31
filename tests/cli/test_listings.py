"""Commands that answer without work: help, version, plugins, list."""

import json
import subprocess
import sys

import pytest

import automtl_core
from automtl_core.registry.kinds import KINDS
from automtl_core.registry.plugins import load_registry

WITHOUT_TORCH = """
import json, sys
from automtl_cli.app import run
from automtl_cli.errors import Stop
for command in json.loads(sys.argv[1]):
    code = run(command, Stop())
    if "torch" in sys.modules or code not in json.loads(sys.argv[2]):
        sys.exit(f"{command} ends with {code}, torch: {'torch' in sys.modules}")
"""
FAST = [
    ["--help"],
    ["--version"],
    ["search", "--help"],
    ["plugins"],
    ["plugins", "--json"],
    ["data", "--help"],
    ["list", "datasets"],
    ["list", "datasets", "--json"],
    ["list", "datasets", "kuairand"],
    ["list", "--help"],
    ["list", "training"],
    ["list", "run", "--json"],
    ["list", "datasets", "table"],
    ["list"],
]
WRONG = [
    ["list", "nothing"],
    ["search", "--datasett", "synthetic"],
    ["search", "--dataset", "x"],
    ["search", "--strategy", "x"],
    ["search", "--set", "dataset.rows=x"],
    ["search", "--set", "training.epochs=x"],
    ["search", "--set", "engine=x"],
    ["search", "--time-budget", "soon"],
    ["search", "x.yaml"],
    ["train", "--model", "mmoee"],
    ["train", "--model", "mmoe", "--set", "training.balancer=x"],
    ["compare", "--models", "mmoe,desan:x"],
    ["predict", "x", "x.csv", "--out", "y.csv"],
    ["show", "x"],
]

OP = """
from automtl_core import hookimpl

def made(in_dim, out_dim, dropout):
    '''Described.'''

@hookimpl
def automtl_register_ops():
    return {"made": made, "lost": "automtl_no_such_module:Op"}
"""


@pytest.mark.parametrize(
    ("commands", "codes"), [(FAST, [0]), (WRONG, [2, 66])], ids=["answers", "wrong words"]
)
def test_answers_without_importing_torch(commands, codes):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, json.dumps(commands), json.dumps(codes)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_version(automtl):
    assert automtl("--version").out == f"automtl {automtl_core.__version__}\n"


def test_plugins_are_rows_of_what_they_provide(automtl, install):
    module = install(OP, "mine")
    (mine,) = [row for row in automtl("plugins", "--json").json() if row["name"] == "mine"]
    assert mine == {
        "name": "mine",
        "distribution": module,
        "version": "1.5",
        "module": module,
        "provides": {"ops": ["made", "lost"]},
        "problem": None,
    }
    (line,) = [line for line in automtl("plugins").out.splitlines() if line.startswith("mine ")]
    assert line.split() == ["mine", module, "1.5", "ops:", "made,", "lost"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_listed_with_a_line_each(automtl, kind):
    described = automtl("list", kind, "--json").json()
    assert set(described) == set(load_registry().names(KINDS[kind]))
    for about in described.values():
        assert about["description"]
        assert about["plugin"].endswith(f"(automtl {automtl_core.__version__})")
    assert [line.split("  ")[0] for line in automtl("list", kind).out.splitlines()] == ["name", *described]


def test_what_cannot_be_used_is_listed_with_its_reason(automtl, install):
    install(OP, "mine")
    described = automtl("list", "ops", "--json").json()
    assert described["made"]["description"] == "Described."
    assert described["made"]["plugin"].startswith("mine (")
    assert described["lost"]["description"].startswith(
        "NOT USABLE: the op 'lost' of plugin 'mine' cannot be used: ModuleNot"
    )
