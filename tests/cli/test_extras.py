"""Without the extras every command works, and one that needs an extra names it in one line."""

import json
import os
import subprocess
import sys

import pytest

from automtl_cli.check import EXTRAS
from automtl_core.registry.kinds import KINDS

WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in BLOCKED else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""
ROWS = "--dataset synthetic --set dataset.rows=500"
TINY = f"{ROWS} --set features=ids --set training.epochs=1 --set training.min_positives=1"
MMOE = f"train --model mmoe {TINY}"
NEED = {
    "boosting": ("lightgbm", f"train --model boosting {ROWS}"),
    "onnx": ("onnx onnxruntime onnxscript", "export runs/plain"),
    "study": ("optuna", f"search --strategy study {TINY}"),
    "tensorboard": ("tensorboard", f"{MMOE} --set listeners=[tensorboard]"),
    "torchjd": ("torchjd", f"train --model mmoe+pcgrad {TINY}"),
    "zst": ("backports.zstd compression.zstd", "data init log.csv.zst"),
}
"""Extra -> its modules, and a command that needs it."""
WORK = [*(f"list {kind}" for kind in KINDS), "plugins", f"{MMOE} --name plain", "report runs/plain"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The exit code and the output of each command, in a process without the extras."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "log.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    blocked = [module for modules, _ in NEED.values() for module in modules.split()]
    lines = [*WORK, *(line for _, line in NEED.values())]
    script = f"""
BLOCKED = {blocked!r}
{WITHOUT}
import contextlib, io, json
from automtl_cli.app import run
from automtl_cli.errors import Stop
outcomes = {{}}
for line in {lines!r}:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run(line.split(), Stop())
    outcomes[line] = code, out.getvalue(), "sympy" in sys.modules
print(json.dumps(outcomes))
"""
    environment = {**os.environ, "AUTOMTL_PREPARED": str(folder / "prepared"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_commands_work_without_extras(outcomes):
    for line in WORK:
        code, output, compiler = outcomes[line]
        assert (code, compiler) == (0, False), output  # of torch, which takes as long as torch


def test_a_missing_extra_is_named_in_one_line(outcomes):
    assert NEED.keys() == EXTRAS.keys()
    for extra, (_, line) in NEED.items():
        code, output, _ = outcomes[line]
        assert code in (2, 65), output
        assert output.count(f"pip install 'automtl[{extra}]'") == 1
        assert "Traceback" not in output
