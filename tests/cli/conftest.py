"""Commands that get a signal, and runs that are finished already."""

import signal

import pytest
from command_line import SMALL, Ended

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_cli.runs.flow import Terminal
from automtl_cli.runs.live_view import epoch_line
from automtl_core.run_dir.progress import Progress
from automtl_core.system.process_state import SIGNALS
from automtl_core.training.events import EpochEnded, StepEnded

ENSEMBLE = """
dataset: {name: synthetic, rows: 600}
features: ids
space:
  {layers: 1, experts: 2, blocks: 1, numbers: all, ops: [identity, mlp-4], embedding_dim: 4, members: 1}
strategy: {name: random, candidates: 2, rung_epochs: 1, rivals: [mmoe], ahead: 0}
training: {epochs: 2, batch_size: 200, patience: 5, embedding_decay: 0.01}
"""
"""A search whose result is the mean of three models."""


@pytest.fixture
def stopped(here, capsys, monkeypatch):
    """Run a command in this process, which gets a signal in the first step after a line of progress."""
    receives = Terminal.__call__
    handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def stopped(line, number, *arguments):
        shown = []

        def receive(terminal, event):
            if isinstance(event, EpochEnded):
                shown.append(epoch_line(event, Progress()))
            going_on = receives(terminal, event)
            if isinstance(event, StepEnded) and shown and shown[-1].startswith(line):
                signal.raise_signal(number)
            return going_on

        for each in SIGNALS:  # also those that are ignored where the tests run
            signal.signal(each, signal.SIG_DFL)
        stop = Stop()
        stop.listen()
        with monkeypatch.context() as patch:
            patch.setattr(Terminal, "__call__", receive)
            return Ended(run(arguments, stop), *capsys.readouterr())

    yield stopped
    for each, handler in handlers.items():
        signal.signal(each, handler)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return a folder with the finished run `runs/done`; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["search", "small.yaml", "--name", "done", "--seed", "3"], Stop()) == 0
    return folder


@pytest.fixture(scope="session")
def ensembled(tmp_path_factory):
    """Return a folder with the finished run `runs/done`, the mean of three networks."""
    folder = tmp_path_factory.mktemp("ensembled")
    (folder / "small.yaml").write_text(ENSEMBLE)
    search = ["search", "small.yaml", "--set", "strategy.ensemble=3", "--name", "done", "--seed", "1"]
    search += ["--set", "dataset.bad_rows=skip"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(search, Stop()) == 0
    return folder
