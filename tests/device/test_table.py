"""`make gpu` prints a table of the tests with the marker `gpu`, or that nothing could be run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .problems import SIMULATED

ROOT = Path(__file__).parents[2]
ONE = "test_products_in_bf16 or test_batches_are_those_of_the_cpu"


def made(*options, **environment):
    """Return the exit code and the output of the script."""
    kept = {name: text for name, text in os.environ.items() if name != SIMULATED}
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "gpu.py", "-p", "no:cacheprovider", *options],
        env={**kept, **environment}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_prints_that_nothing_was_run():
    code, out = made()
    assert code == 1
    assert out.startswith("No GPU: torch ")
    assert "no test with the marker `gpu` was run" in out
    assert "passed" not in out


def test_each_test_is_a_row_with_device_seconds_and_outcome():
    pytest.importorskip("torch.utils.backend_registration")
    code, out = made("-k", ONE, **{SIMULATED: "1"})
    rows = re.findall(r"^\| (\S+) \| simulated, no GPU \| (\d+\.\d) \| (\w+) \|$", out, re.MULTILINE)
    outcomes = {name.rpartition("::")[2].partition("[")[0]: outcome for name, _, outcome in rows}
    # The device in software does not compute in bf16.
    assert outcomes == dict(zip(ONE.split(" or "), ("skipped", "passed"), strict=True))
    assert code == 0


def test_the_script_runs_all_files_with_marked_tests():
    marked = {
        path.name for path in Path(__file__).parent.glob("test_*.py") if "mark.gpu\n" in path.read_text()
    }
    script = (ROOT / "scripts" / "gpu.py").read_text(encoding="utf-8")
    assert marked == {*re.findall(r"tests/device/(test_\w+\.py)\"", script)}
