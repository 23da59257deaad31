"""A command of sixty lines stands beside the built-in ones; a broken one harms itself alone."""

import json

FAULTY = """
from automtl_core import hookimpl
from automtl_core.commands import Output
def fails() -> Output:
    "Fail."
    return 1 / 0
@hookimpl
def automtl_register_commands():
    return {"shop fails": fails, "shop gone": "no_such_module:command"}
"""
TAKEN = """
from automtl_core import hookimpl
@hookimpl
def automtl_register_commands():
    return {"data init": "module:function"}
"""


def test_it_opens_a_run_and_prints(install, automtl, trained):
    install("", "weakest", value="weakest")
    assert "  weakest   Show the tasks with the lowest test scores.\n" in automtl("--help")[1]
    code, out, _ = automtl("weakest", "--help")
    assert code == 0
    assert all(option in out for option in ("RUN", "--below SCORE", "--json"))
    code, out, _ = automtl("weakest", trained, "--json")
    scores = json.loads(out)
    assert list(scores) == sorted(scores, key=scores.get)
    code, out, _ = automtl("weakest", trained, "--below", min(scores.values()))
    assert [line.split()[0] for line in out.splitlines()] == ["task", min(scores, key=scores.get)]
    code, _, err = automtl("weakest", "nothing")
    assert (code, err.splitlines()[0]) == (66, "error: nothing: not a run directory")


def test_it_keeps_its_contract(install, automtl):
    install("", "weakest", value="weakest")
    out = automtl("plugins", "check", "weakest", "--json")[1]
    assert [(test["test"], test["state"]) for test in json.loads(out)] == [
        ("loading", "passed"),
        ("help", "passed"),
        ("groups", "passed"),
    ]


def test_a_broken_command_is_blamed_and_the_others_work(install, automtl):
    install(FAULTY, "shop")
    assert "  shop      Commands of plugin shop.\n" in automtl("--help")[1]
    assert automtl("shop", "--help")[1].endswith("  fails  Fail.\n  gone   Of plugin shop.\n")
    code, out, err = automtl("shop", "fails")
    assert (code, out) == (69, "")
    assert err.startswith("error: the command 'shop fails' of plugin 'shop' failed: ZeroDivisionError")
    code, out, err = automtl("shop", "gone")
    assert (code, out) == (69, "")
    assert err.startswith("error: the command 'shop gone' of plugin 'shop' cannot be used: ModuleNotFound")
    assert automtl("list", "exporters")[0] == 0


def test_a_name_in_use_is_refused_with_both_plugins(install, automtl):
    install(TAKEN, "mine")
    (row,) = [row for row in json.loads(automtl("plugins", "--json")[1]) if row["name"] == "mine"]
    assert row["problem"].startswith(
        "the command 'data init' of plugin 'mine' is already registered by plugin 'commands' of automtl"
    )


def test_a_program_without_commands_says_what_to_do(automtl, monkeypatch):
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "commands,comparison,testing")
    code, _, err = automtl("search")
    assert (code, err.splitlines()[0]) == (69, "error: no plugin with commands is installed")
    assert "install automtl again" in err
