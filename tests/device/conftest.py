"""The device of the tests: a GPU, or the simulated one in a process with `SIMULATED` in its environment."""

import os
from contextlib import contextmanager

import pytest
import torch

from automtl_core.training.compute import Compute
from automtl_core.workflow.job import Job

from .problems import SIMULATED


@pytest.fixture(scope="session")
def device():
    """Return the device; the tests that need it are skipped where there is none."""
    if SIMULATED in os.environ:
        from . import simulated

        return simulated.register()
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    return torch.device("cuda")


@pytest.fixture
def compute(device):
    """Return the device in single precision."""
    return Compute(device)


@pytest.fixture
def flag(device, monkeypatch):
    """Return the value of --device that selects the device; that of the simulated one is `auto`."""
    if device.type == "cuda":
        return "cuda"
    plain = Job.compute

    def compute(job):
        return plain(job) if job.config.device == "cpu" else Compute(device, job.config.precision)

    monkeypatch.setattr(Job, "compute", compute)
    return "auto"


@pytest.fixture
def pins(device, monkeypatch):
    """Return the growing list of tensors in pinned memory, which the simulated device does not have."""
    pinned = []
    pin = torch.Tensor.pin_memory if device.type == "cuda" else lambda tensor: tensor

    def recorded(tensor):
        pinned.append(pin(tensor))
        return pinned[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", recorded)
    return pinned


@pytest.fixture
def no_waits(device):
    """Return a context in which an operation for which the CPU waits is an error."""

    @contextmanager
    def on_a_gpu():
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)

    @contextmanager
    def simulated():
        from .simulated import waits

        waits.clear()
        yield
        assert not waits, "\n".join(dict.fromkeys(waits))

    return on_a_gpu if device.type == "cuda" else simulated
