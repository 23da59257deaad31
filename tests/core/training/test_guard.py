"""The guard of torch's global state: its own inside, the caller's after, one computation at a time."""

import threading

import pytest
import torch

from automtl_core.errors import OutOfMemoryError
from automtl_core.training.compute import guarded


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_an_error_with_a_remedy(error):
    with pytest.raises(OutOfMemoryError, match="out of memory"), guarded():
        raise error


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="shapes"), guarded():
        raise RuntimeError("shapes do not match")


def test_the_state_of_the_caller_is_not_seen_and_comes_back():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), guarded():
            torch.manual_seed(2)
            weight = torch.ones(2, requires_grad=True)
            (weight * torch.rand(2)).sum().backward()
            assert (weight.dtype, weight.grad.dtype) == (torch.float32, torch.float32)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_two_threads_draw_what_each_would_draw_alone():
    found = {}

    def draws(seed):
        with guarded():
            torch.manual_seed(seed)
            found[seed] = []
            for _ in range(50):
                found[seed].append(torch.rand(()).item())
                together.wait(0.0005)

    together = threading.Event()
    threads = [threading.Thread(target=draws, args=[seed]) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, numbers in found.items():
        generator = torch.Generator().manual_seed(seed)
        assert numbers == [torch.rand((), generator=generator).item() for _ in range(50)]


def test_a_guard_in_a_guard_does_not_wait():
    with guarded(), guarded():
        assert torch.is_grad_enabled()
