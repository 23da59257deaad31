"""Running commands in this process, and comparing texts with golden files."""

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from failures import check

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.errors import AutoMTLError

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


OF_PYTHON = re.compile(
    r"(Expecting value|Exceeds the limit|embedded null|cannot import name|ValidationError|SyntaxError).*"
)
"""The begin of what Python and libraries say, which differs between their versions."""


class Golden(NamedTuple):
    """The folder `golden` beside a test, whose files `pytest --update-golden` writes anew."""

    folder: Path
    scratch: Path
    update: bool

    def __call__(self, name, text):
        """Compare a text, without what differs between machines, with a file."""
        path, text = self.folder / name, OF_PYTHON.sub(r"\1", text.replace(str(self.scratch), "FOLDER"))
        if self.update:
            self.folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), "if this is meant: pytest --update-golden"

    def errors(self, name, call, cases):
        """Compare the errors that a call with each case raises, and their remedies, with a file."""
        said = []
        for case in cases:
            with pytest.raises(AutoMTLError) as error:
                call(case)
            kind, fix = type(error.value).__name__, error.value.fix
            said.append(f"{case!r:.200}\n{kind}: {error.value}\n  fix: {fix}\n")
        self(name, "\n".join(said))


@pytest.fixture
def golden(request, tmp_path):
    return Golden(request.path.parent / "golden", tmp_path, request.config.getoption("--update-golden"))


@pytest.fixture
def refused(automtl, golden):
    """Return a function that runs the commands of a golden file, each of which is refused with a remedy."""

    def run_all(name):
        said = []
        for command in re.findall(r"^\$ automtl (.*)$", (golden.folder / name).read_text(), re.MULTILINE):
            ended = automtl(*shlex.split(command))
            check(ended, 2, "")
            said.append(f"$ automtl {command}\n{ended.err}")
        golden(name, "\n".join(said))

    return run_all
