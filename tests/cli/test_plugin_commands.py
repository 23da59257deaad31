"""Commands of plugins stand beside the built-in ones; a broken one harms itself alone."""

FAULTY = """
from automtl_core import hookimpl
from automtl_report.commands import Output
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


def test_a_broken_command_is_blamed_and_the_others_work(install, automtl):
    install(FAULTY, "shop")
    assert "  shop      Commands: fails, gone\n" in automtl("--help").out
    assert "  fails  Fail.\n  gone   Of plugin shop.\n" in automtl("shop", "--help").out
    code, out, err = automtl("shop", "fails")
    assert (code, out) == (69, "")
    assert err.startswith("error: the command 'shop fails' of plugin 'shop' failed: ZeroDivisionError")
    code, out, err = automtl("shop", "gone")
    assert (code, out) == (69, "")
    assert err.startswith("error: the command 'shop gone' of plugin 'shop' cannot be used: ModuleNotFound")
    assert automtl("list", "exporters").code == 0


def test_a_name_in_use_is_refused_with_both_plugins(install, automtl):
    install(TAKEN, "mine")
    (row,) = [row for row in automtl("plugins", "--json").json() if row["name"] == "mine"]
    assert row["problem"].startswith(
        "the command 'data init' of plugin 'mine' is already registered by plugin 'commands' of automtl"
    )


def test_a_program_without_commands_says_what_to_do(automtl, monkeypatch):
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "commands,comparison,testing")
    code, _, err = automtl("search")
    assert (code, err.splitlines()[0]) == (69, "error: no plugin with commands is installed")
    assert "install automtl again" in err
