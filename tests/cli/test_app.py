"""The program: its start, commands of plugins, completion in the shell, and sections on a terminal."""

import os
import re
import signal
import subprocess
import sys

import pytest

from automtl_cli.terminal import rendered
from automtl_inspection.sections import Grid, Matrix, Preformatted, Section, Text


def test_an_interrupt_during_imports_has_no_traceback():
    code = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'automtl_cli.output': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from automtl_cli.start import main; main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_python_m_is_refused_where_it_would_import_modules_of_the_current_folder():
    command = [sys.executable, "-m", "automtl_cli", "--version"]
    for safe, expected in (("", 2), ("1", 0)):
        environment = {**os.environ, "PYTHONSAFEPATH": safe}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert ended.returncode == expected
        assert ended.stderr.startswith(
            "error: python -m imports modules of the current folder\n"
        ) is not bool(safe)


def test_a_removed_current_folder_is_an_error(automtl, tmp_path, monkeypatch):
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    ended = automtl("list", "ops")
    assert (ended.code, "the current folder was removed" in ended.err) == (66, True)


CODE = """
import subprocess, sys, types, warnings
app = sys.modules["automtl_cli.app"] = types.ModuleType("automtl_cli.app")
def main():
    warnings.warn("from a library", RuntimeWarning)
    subprocess.run([sys.executable, "-c", "import warnings; warnings.warn('from a worker')"])
app.main = main
from automtl_cli.start import main
main()
"""


@pytest.mark.parametrize(
    ("options", "debug", "shown"), [([], "", False), ([], "1", True), (["-W", "default"], "", True)]
)
def test_warnings_of_libraries_are_shown_to_developers_alone(options, debug, shown):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    command = [sys.executable, *options, "-c", CODE]
    environment["AUTOMTL_DEBUG"] = debug
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert ("from a library" in ended.stderr, "from a worker" in ended.stderr) == (shown, shown)


def test_commands_and_options_are_completed(automtl, monkeypatch):
    command = [sys.executable, "-P", "-m", "automtl_cli"]
    for line, expected in (("automtl sea", "search"), ("automtl train --prese", "--preset")):
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_AUTOMTL_COMPLETE": "complete_bash"}
        done = subprocess.run(
            command, env={**os.environ, **words}, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [expected]
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "complete" in automtl("--show-completion", "bash").out


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


def test_a_broken_command_of_a_plugin_is_blamed_and_the_others_work(install, automtl):
    install(FAULTY, "shop")
    assert "  shop      Commands: fails, gone\n" in automtl("--help").out
    assert "  fails  Fail.\n  gone   Of plugin shop.\n" in automtl("shop", "--help").out
    for name, fault in (("fails", "failed: ZeroDivisionError"), ("gone", "cannot be used: ModuleNotFound")):
        code, out, err = automtl("shop", name)
        assert (code, out) == (69, "")
        assert err.startswith(f"error: the command 'shop {name}' of plugin 'shop' {fault}")
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


def test_sections_stand_apart_and_what_is_empty_is_not_there():
    sections = [
        Section("scores", [Grid(["a", "b"], [["x", 0.5]], "lr")]),
        Section("", []),
        Section("", [Preformatted("c\nd")]),
    ]
    assert rendered(sections) == "scores\na       b\nx  0.5000\n\nc\nd\n"


def test_no_text_acts_on_a_terminal_or_forges_a_line():
    evil = "\x1b[31m\u202e[bold]x[/bold]\nerror: forged\n  fix: none"
    printed = rendered(
        [Section(evil, [Text(evil), Grid([evil], [[evil]]), Matrix(evil, [evil], {evil: [1.0]})])]
    )
    assert [c for c in printed if not c.isprintable() and c != "\n"] == []
    assert printed.count("[bold]x[/bold]") == 7
    assert "\nerror: " not in printed


WIDE = Grid(
    ["model", *(f"score of task {k}" for k in range(9)), "remark"],
    [
        ["the first model", *[0.5] * 9, "a text of several words that may be broken into lines"],
        ["n" * 90, *[12_345] * 9, "short"],
    ],
    "l" + "r" * 9 + "l",
)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_table_fits_the_terminal_and_no_number_is_broken(monkeypatch, width):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    printed = re.sub(r"\x1b\[\d+m", "", rendered(Section("scores", [WIDE, Text("word " * 60)])))
    assert max(map(len, printed.splitlines())) <= width
    assert printed.count("0.5000") == printed.count("12,345") == 9
    assert printed.count("n") >= 90
    assert printed.index("remark") < printed.index("0.5000"), "texts, such as verdicts, stay with the names"
    assert printed.count("model") >= 2, "each part of a divided table has the names"
