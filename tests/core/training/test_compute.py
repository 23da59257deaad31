"""Precision and penalties, and the guard of torch's global state."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from automtl_baselines.funnel import AITM
from automtl_core.errors import OutOfMemoryError
from automtl_core.modules.features import Features
from automtl_core.registry.plugins import load_registry
from automtl_core.training.balancer import MEAN, TaskLosses
from automtl_core.training.batches import Batch, take
from automtl_core.training.compute import CPU, Compute, guarded, recalibrate_batchnorm
from automtl_core.training.loop import objective, step
from automtl_core.training.optimisers import Group, Optimiser
from automtl_testing import plain_schema, sample_part

BF16 = Compute(torch.device("cpu"), "bf16")
ONES = TaskLosses(torch.ones(2))


@pytest.fixture
def batch():
    return take(sample_part(plain_schema(), 64, seed=0), np.arange(64), CPU.device)


@pytest.fixture
def aitm():
    torch.manual_seed(0)
    space = AITM(plain_schema(), AITM.settings_class(dropout=0.0), load_registry().op)
    network = space.network(space.supernet().architecture())
    with torch.no_grad():
        network.towers.tops[1][-1].bias.fill_(3.0)  # the later task seems likelier than the one before it
    return network


def test_a_step_in_bf16_keeps_the_penalty_and_a_float32_loss(aitm, batch):
    dtypes = []
    aitm.towers.tops[0][0].register_forward_hook(lambda module, inputs, out: dtypes.append(out.dtype))
    plain = objective(aitm, batch, ONES, CPU).loss
    found = objective(aitm, batch, ONES, BF16)
    loss, by_task = found.loss, found.by_task
    assert dtypes == [torch.float32, torch.bfloat16], "products are as precise as asked for"
    assert loss.dtype == by_task.dtype == torch.float32
    penalty = loss - by_task.mean()
    assert penalty > 0.1, "a penalty of .6 times some .5, halved, is in the loss"
    assert loss.item() == pytest.approx(plain.item(), rel=0.02)
    before = {name: p.detach().clone() for name, p in aitm.named_parameters()}
    optimiser = Optimiser([Group(dict(aitm.named_parameters()), 1e-3, 0.0)], BF16)
    step(aitm, batch, ONES, MEAN, optimiser, BF16)
    assert all(p.dtype == torch.float32 for p in aitm.parameters())
    assert sum(not torch.equal(p, before[name]) for name, p in aitm.named_parameters()) > 10


X86 = "flags\t\t: fpu sse4_2 avx512f {}\n"
ARM = "Features\t: fp asimd sve {}\n"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(1, momentum=0.25)

    def forward(self, features):
        return self.norm(self.drop(features.dense))


def batch_of(*values):
    rows = torch.tensor(values)[:, None]
    return Batch(Features(torch.zeros(len(values), 1).long(), rows), torch.zeros(len(values), 1))


def test_statistics_are_plain_means_over_batches_without_dropout():
    net = Net().train()
    net.norm.running_mean.fill_(100.0)
    recalibrate_batchnorm(net, [batch_of(1.0, 3.0), batch_of(10.0, 14.0)], CPU)
    assert net.norm.running_mean.item() == (2 + 12) / 2
    assert net.norm.running_var.item() == (2 + 8) / 2
    assert net.norm.num_batches_tracked.item() == 2


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_an_error_with_a_remedy(error):
    with pytest.raises(OutOfMemoryError, match="out of memory"), guarded():
        raise error


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
