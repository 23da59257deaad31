"""A trained run, and commands of the program in this process."""

import pytest

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.workflow import Workflow


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return the folder of a run of one epoch."""
    folder = tmp_path_factory.mktemp("runs")
    data = {"dataset": {"name": "synthetic", "rows": 1000}, "prepared_dir": folder / "prepared"}
    layer = {**data, "training": {"epochs": 1, "min_positives": 1}, "features": "ids"}
    flow = Workflow(load_registry())
    return flow.search(flow.model("mmoe", [layer]), folder, "mmoe").path


@pytest.fixture
def command(capsys):
    """Run a command; return its output, or its messages where it ends with a code other than 0."""

    def command(*arguments, code=0):
        ended = run(list(map(str, arguments)), Stop())
        out, err = capsys.readouterr()
        assert ended == code, err
        return out if code == 0 else err

    return command


@pytest.fixture
def automtl(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder; return the exit code, the output and the messages."""
    monkeypatch.chdir(tmp_path)

    def automtl(*arguments):
        return run(list(map(str, arguments)), Stop()), *capsys.readouterr()

    return automtl
