"""Batches and trainings on the device are those of the CPU."""

import math
import threading

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from automtl_core.modules.table import RowTable
from automtl_core.registry.kinds import BALANCERS, SPACES
from automtl_core.system.state import load_state, save_state
from automtl_core.training import batches as module
from automtl_core.training.balancer import task_losses
from automtl_core.training.batches import batches
from automtl_core.training.compute import CPU, Compute
from automtl_core.training.events import EventHandler
from automtl_core.training.loop import Pass, predict, shuffled, step
from automtl_testing.samples import sample_schema

from .problems import EVERYTHING, LEARNERS, PLAIN, REGISTRY, fit_of, problem

pytestmark = pytest.mark.gpu
DRAWN = ["random-weights", "graddrop"]
"""Balancers that draw random numbers on the device."""


def assert_close(ours, theirs):
    """Check that two trainings have the same losses, and weights that differ by rounding alone."""
    assert ours.best.keys() == theirs.best.keys()
    for task, one in ours.best.items():
        for name, value in one.to_json().items():
            other = theirs.best[task].to_json()[name]
            if isinstance(value, float) and name != "auc":  # an AUC of few rows has steps
                assert math.isclose(value, other, rel_tol=2e-3), (task, name)
    data = theirs.data.validation
    outputs = [predict(fit.network, data, fit.compute) for fit in (ours, theirs)]
    assert abs(outputs[0] - outputs[1]).max() < 2e-2


def on_device(fit, compute):
    return all(t.device.type == compute.device.type for t in fit.network.state_dict().values())


@pytest.mark.parametrize("name", [name for name in REGISTRY.names(SPACES) if name not in LEARNERS])
def test_every_network_learns_as_on_the_cpu(name, compute, pins):
    fits = []
    for one in (compute, CPU):
        fits.append(fit_of(problem(name, PLAIN, one)))
        fits[-1].run(EventHandler())
    assert on_device(fits[0], compute)
    assert_close(*fits)


@pytest.mark.parametrize("name", ["mmoe", "desan"])
@pytest.mark.parametrize("rows", [10**6, 0], ids=["small tables", "large tables"])
def test_all_kinds_of_fields_histories_and_encodings(name, rows, compute, pins, monkeypatch):
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", rows)
    fits = []
    for one in (compute, CPU):
        fits.append(fit_of(problem(name, EVERYTHING, one, embedding_decay=1e-3)))
        large = any(isinstance(module, RowTable) for module in fits[-1].network.modules())
        assert large == (rows == 0)
        fits[-1].run(EventHandler())
    assert_close(*fits)


@pytest.mark.parametrize("name", REGISTRY.names(BALANCERS))
def test_every_balancer(name, compute, pins, monkeypatch):
    pytest.importorskip("torchjd", reason="TorchJD is not installed: pip install 'automtl[torchjd]'")
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 0)  # gradients are sparse
    fits = []
    for one in (compute, CPU):
        fits.append(fit_of(problem("mmoe", PLAIN, one, name)))
        fits[-1].run(EventHandler())
    assert on_device(fits[0], compute)
    if name not in DRAWN:
        assert_close(*fits)


class Stop(EventHandler):
    """Saves the state of the first epoch, and ends the training."""

    def __init__(self, fit, path):
        self.fit, self.path = fit, path

    def epoch(self, report):
        save_state(self.path, self.fit.state_dict())
        return False


@pytest.mark.parametrize("then", ["device", "cpu"])
def test_a_training_continues_on_either_device(then, compute, pins, monkeypatch, tmp_path):
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 0)
    half = fit_of(problem("mmoe", PLAIN, compute))
    half.run(Stop(half, tmp_path / "state"))
    rest = fit_of(problem("mmoe", PLAIN, compute if then == "device" else CPU))
    rest.load_state_dict(load_state(tmp_path / "state"))
    rest.run(EventHandler())
    whole = fit_of(problem("mmoe", PLAIN, CPU))
    whole.run(EventHandler())
    assert rest.epoch == whole.epoch == 2
    assert on_device(rest, rest.compute)
    assert_close(rest, whole)


def test_products_in_bf16(compute, pins):
    half = Compute(compute.device, "bf16")
    fit, kinds = fit_of(problem("mmoe", PLAIN, half)), []
    linear = next(m for m in fit.network.modules() if isinstance(m, torch.nn.Linear))
    linear.register_forward_hook(lambda module, inputs, out: kinds.append(out.dtype))
    fit.run(EventHandler())
    assert {*kinds} == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in fit.network.parameters())
    whole = fit_of(problem("mmoe", PLAIN, CPU))
    whole.run(EventHandler())
    for task, one in fit.best.items():
        assert one.to_json()["log_loss"] == pytest.approx(whole.best[task].to_json()["log_loss"], rel=0.02)


@pytest.mark.parametrize("name", ["mmoe", "ple", "desan"])
@pytest.mark.parametrize("schema", [sample_schema(), EVERYTHING], ids=["fields", "everything"])
def test_a_step_does_not_wait_for_the_device(name, schema, compute, pins, no_waits):
    made = problem(name, schema, compute)
    fit = fit_of(made)
    losses = task_losses(made.recipe, made.data.tasks, compute.device)
    few = shuffled(made.data.train, made.recipe, 0, 1, compute)
    fit.network.train()
    epoch = Pass("train", 1, [], 2, losses, EventHandler())
    first, second = next(few), next(few)

    def one(batch):
        by_task = step(fit.network, batch, losses, fit.balancer, fit.optimiser, compute)
        epoch.add(by_task, batch)
        fit.average.update()

    one(first)  # the first step allocates the state of the optimiser
    with no_waits():
        one(second)
    assert epoch.rows == 64


def test_batches_are_those_of_the_cpu(compute, pins):
    part = problem("mmoe", EVERYTHING, compute).data.train
    assert part.dense.shape[1] == EVERYTHING.n_numbers > 1
    pairs = list(zip(batches(part, 40, compute.device), batches(part, 40, CPU.device), strict=True))
    assert [len(ours.labels) for ours, _ in pairs] == [40, 40, 16]
    tensors = 0
    for ours, theirs in pairs:
        leaves = (pytree.tree_leaves((batch.features, batch.labels)) for batch in (ours, theirs))
        for one, other in zip(*leaves, strict=True):
            assert one.device.type == compute.device.type
            assert torch.equal(one.cpu().nan_to_num(-1), other.nan_to_num(-1))
            tensors += 1
    assert len(pins) == tensors >= 30, "all are copied from pinned memory"


def test_the_next_batch_is_prepared_while_this_one_is_in_use(compute, pins, monkeypatch):
    made = []
    take, second = module.take, threading.Event()

    def recorded(part, rows, device):
        made.append((int(rows[0]), threading.current_thread().name))
        if len(made) == 2:
            second.set()
        return take(part, rows, device)

    monkeypatch.setattr(module, "take", recorded)
    part = problem("mmoe", EVERYTHING, compute).data.train
    rest = batches(part, 40, compute.device, [np.arange(96)])
    next(rest)
    assert second.wait(10), "the second batch is prepared without being asked for"
    assert len(list(rest)) == 2
    assert [row for row, _ in made] == [0, 40, 80]
    assert all(name.startswith("batches") for _, name in made)
