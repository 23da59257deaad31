"""The GPU of the tests with the marker `gpu`, which are skipped where there is none."""

from contextlib import contextmanager

import pytest
import torch

from automtl_core.training.compute import Compute


@pytest.fixture(scope="session")
def compute():
    """Return the GPU in single precision."""
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    return Compute(torch.device("cuda"))


@pytest.fixture
def pins(compute, monkeypatch):
    """Return the growing list of tensors in pinned memory."""
    pinned = []
    pin = torch.Tensor.pin_memory

    def recorded(tensor):
        pinned.append(pin(tensor))
        return pinned[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", recorded)
    return pinned


@pytest.fixture
def no_waits():
    """Return a context in which an operation for which the CPU waits is an error."""

    @contextmanager
    def no_waits():
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)

    return no_waits
