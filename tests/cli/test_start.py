"""The entry of the program hides warnings of libraries, in worker processes too."""

import os
import subprocess
import sys

import pytest

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
