"""Commands that answer without work: help, version, plugins, names and settings; layers of settings."""

import json
import subprocess
import sys

import pytest
from failures import STRATEGY

import automtl_core
from automtl_cli.configuration import layers
from automtl_cli.options import Configuration, Execution
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import KINDS
from automtl_core.registry.plugins import load_registry

WITHOUT_TORCH = """
import json, sys
from automtl_cli.app import run
from automtl_cli.errors import Stop
for command in json.loads(sys.argv[1]):
    code = run(command.split(), Stop())
    if "torch" in sys.modules or code not in json.loads(sys.argv[2]):
        sys.exit(f"{command} ends with {code}, torch: {'torch' in sys.modules}")
"""
FAST = (
    *("--help", "--version", "search --help", "data --help", "list --help", "plugins", "plugins --json"),
    *("list", "list datasets", "list datasets --json", "list datasets kuairand", "list datasets table"),
    *("list training", "list run --json"),
)
WRONG = (
    *("list nothing", "search --datasett synthetic", "search --dataset x", "search --strategy x"),
    *("search --set dataset.rows=x", "search --set training.epochs=x", "search --set engine=x"),
    *("search --time-budget soon", "search x.yaml", "train --model mmoee", "show x"),
    *("train --model mmoe --set training.balancer=x", "compare --models mmoe,desan:x"),
    "predict x x.csv --out y.csv",
)

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


def test_what_a_plugin_provides_is_listed_with_what_cannot_be_used(automtl, install):
    assert automtl("--version").out == f"automtl {automtl_core.__version__}\n"
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
    described = automtl("list", "ops", "--json").json()
    assert described["made"]["description"] == "Described."
    assert described["made"]["plugin"].startswith("mine (")
    assert "the op 'lost' of plugin 'mine' cannot be used: ModuleNot" in described["lost"]["description"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_listed_with_a_line_each(automtl, kind):
    described = automtl("list", KINDS[kind].name, "--json").json()
    assert set(described) == set(load_registry().names(KINDS[kind]))
    for about in described.values():
        assert about["description"]
        assert about["plugin"].endswith(f"(automtl {automtl_core.__version__})")
    assert [line.split("  ")[0] for line in automtl("list", kind).out.splitlines()] == ["name", *described]


def test_settings_are_explained_with_tuning_keys_and_what_is_inside_of_a_mapping(automtl, install):
    install(STRATEGY, "mine")
    for words, line in (
        ("training", "a number above 0; tuned over 0.0005 to 0.008, log scale"),
        ("loss focal", "--set training.losses.TASK.gamma=VALUE"),
        ("strategy mine", "weight   1e-06    a number  What it \\x1b[31m weighs."),
    ):
        assert line in automtl("list", *words.split()).out
    found = automtl("list", "dataset", "table", "--json").json()
    names = [setting["name"] for setting in found["settings"]]
    assert names.index("labels.NAME.kind") == names.index("labels") + 1
    assert names.index("split") > names.index("duplicates"), "its own come first"


def test_a_file_names_no_folder_to_write_to_elsewhere_but_the_user_does(here):
    file = here / "shop.yaml"
    for folder in ("prepared", "a/../b", here / "in"):
        file.write_text(f"dataset: synthetic\nprepared_dir: {folder}\n")
        layers(Configuration(file=file), {})
    for folder in ("../../x", "/x", "a/../../x", ".."):
        file.write_text(f"dataset: synthetic\nprepared_dir: {folder}\n")
        with pytest.raises(UsageError, match=r"shop\.yaml: prepared_dir: .* is outside") as error:
            layers(Configuration(file=file), {})
        assert f"--set prepared_dir={folder}" in error.value.fix
        chosen = Configuration(file=file, settings=[f"prepared_dir={folder}"])
        assert layers(chosen, {}).all[-1] == {"prepared_dir": folder}


def test_settings_of_an_engine_are_no_settings_of_the_run():
    given = ["engine=processes", "seed=3", "engine.share=0.5", " engine.threads = 2"]
    made = layers(Configuration(settings=given), {}, Execution(workers=2))
    assert made.all[-1] == {"seed": 3}
    assert made.engine == {"name": "processes", "share": 0.5, "threads": 2}
    assert layers(Configuration(), {}, Execution()).engine is None
