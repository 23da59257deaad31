"""The tests of this folder on a device in software, since most machines have no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .problems import SIMULATED

HERE = Path(__file__).parent
SOME = " or ".join(
    (
        "test_batches or test_commands or either_device or darts-entropy",
        "(does_not_wait and (everything or path or bits)) or (all_kinds and large)",
        "(on_the_cpu and (desan or aitm)) or (balancer and pcgrad)",
    )
)
"""The tests that run with all others; `AUTOMTL_SIMULATED_DEVICE=1 pytest tests/device` runs every one."""


@pytest.mark.skipif(SIMULATED in os.environ, reason="this process has the simulated device")
def test_the_code_for_a_gpu_runs_on_a_simulated_device():
    registration = pytest.importorskip("torch.utils.backend_registration")
    if not hasattr(registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this version of torch cannot register a device from Python")
    # A process of its own: torch counts the devices when it differentiates for the first time.
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", str(HERE), "-k", SOME],
        env={**os.environ, SIMULATED: "1"},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]
    assert " passed" in ended.stdout


def test_a_tensor_of_the_device_mixes_with_no_other():
    script = (
        "import torch; from simulated import register, waits; d = register()\n"
        "x = torch.ones(3).to(d, non_blocking=True); assert x.device.type == d.type\n"
        "index = torch.zeros(1, dtype=torch.long)\n"
        "for bad in (lambda: x + torch.ones(3), lambda: x[index], lambda: x.numpy()):\n"
        "    try: bad()\n"
        "    except (RuntimeError, TypeError): continue\n"
        "    raise SystemExit('no error')\n"
        "assert not waits; x.sum().item(); torch.tensor([1], device=d); x[x > 0]; x[[0, 1]]; x.cpu()\n"
        "print(len(waits))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= 5, "each of these lets the CPU wait"
