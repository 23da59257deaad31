"""Without the extras every command works, and one that needs an extra names it in one line."""

import json
import os
import subprocess
import sys

import pytest

from automtl_cli.check import EXTRAS

WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in BLOCKED else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""
BLOCKED = {
    "boosting": ["lightgbm"],
    "onnx": ["onnx", "onnxruntime", "onnxscript"],
    "study": ["optuna"],
    "tensorboard": ["tensorboard"],
    "torchjd": ["torchjd"],
    "zst": ["backports.zstd", "compression.zstd"],
}
"""Extra -> its modules."""
TINY = ["--dataset", "synthetic", "--set", "dataset.rows=500", "--set", "features=ids"]
TINY += ["--set", "training.epochs=1", "--set", "training.min_positives=1"]
MMOE = ["train", "--model", "mmoe", *TINY]
NEED = {
    "boosting": ["train", "--model", "boosting", *TINY[:4]],
    "onnx": ["export", "runs/plain"],
    "study": ["search", "--strategy", "study", *TINY],
    "tensorboard": [*MMOE, "--set", "listeners=[tensorboard]"],
    "torchjd": ["train", "--model", "mmoe+pcgrad", *TINY],
    "zst": ["data", "init", "log.csv.zst"],
}
"""Extra -> a command that needs it."""
LISTS = ["spaces", "strategies", "datasets", "balancers", "metrics", "listeners", "engines", "presets", "ops"]
WORK = [
    *(["list", kind] for kind in LISTS),
    ["plugins"],
    [*MMOE, "--name", "plain"],
    ["report", "runs/plain"],
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The exit code and the output of each command, in a process without the extras."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "log.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    blocked = [module for modules in BLOCKED.values() for module in modules]
    script = f"""
BLOCKED = {blocked!r}
{WITHOUT}
import contextlib, io, json
from automtl_cli.app import run
from automtl_cli.errors import Stop
outcomes = {{}}
for words in {[*WORK, *NEED.values()]!r}:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run(words, Stop())
    outcomes[" ".join(words)] = code, out.getvalue(), "sympy" in sys.modules
print(json.dumps(outcomes))
"""
    environment = {**os.environ, "AUTOMTL_PREPARED": str(folder / "prepared"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_extras_are_tried():
    assert BLOCKED.keys() == NEED.keys() == EXTRAS.keys()


@pytest.mark.parametrize("words", WORK, ids=lambda words: " ".join(words[:2]))
def test_commands_work_without_extras(words, outcomes):
    code, output, compiler = outcomes[" ".join(words)]
    assert (code, compiler) == (0, False), output  # of torch, which takes as long as torch


@pytest.mark.parametrize("extra", NEED)
def test_a_missing_extra_is_named_in_one_line(extra, outcomes):
    code, output, _ = outcomes[" ".join(NEED[extra])]
    fixes = [line for line in output.splitlines() if f"pip install 'automtl[{extra}]'" in line]
    assert code in (2, 65), output
    assert len(fixes) == 1, output
    assert "Traceback" not in output
