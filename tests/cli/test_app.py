"""The start of the program, and completion in the shell."""

import os
import signal
import subprocess
import sys

import pytest


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
    assert (ended.code, ended.err) == (
        66,
        "error: the current folder was removed\n  fix: change to another folder: cd\n",
    )


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


@pytest.mark.parametrize(
    ("line", "expected"), [("automtl sea", "search"), ("automtl train --prese", "--preset")]
)
def test_commands_and_options_are_completed(line, expected):
    words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_AUTOMTL_COMPLETE": "complete_bash"}
    command = [sys.executable, "-P", "-m", "automtl_cli"]
    done = subprocess.run(command, env={**os.environ, **words}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected]
