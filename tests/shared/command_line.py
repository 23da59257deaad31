"""Running commands in this process."""

import json
from typing import NamedTuple

import pytest

from automtl_cli.app import run
from automtl_cli.errors import Stop

SMALL = """
dataset: {name: synthetic, rows: 1000}
space: {layers: 2, experts: 2, blocks: 1, numbers: all, ops: [identity, mlp-4], embedding_dim: 4}
strategy: {name: pd-darts-entropy, warmup_epochs: 1, search_epochs: 2}
training: {epochs: 5, batch_size: 200, patience: 5}
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder that holds small.yaml alone."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(folder)
    for name in ("AUTOMTL_DATA", "AUTOMTL_RUNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def automtl(here, capsys):
    """Run a command in the folder `here`."""

    def automtl(*arguments):
        code = run([str(argument) for argument in arguments], Stop())
        return Ended(code, *capsys.readouterr())

    return automtl
