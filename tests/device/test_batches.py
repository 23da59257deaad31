"""Batches on the device: those of the CPU, prepared ahead by a thread, in pinned memory."""

import threading

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from automtl_core.training import batches as module
from automtl_core.training.batches import batches
from automtl_core.training.compute import CPU

from .problems import EVERYTHING, problem

pytestmark = pytest.mark.gpu


def test_batches_are_those_of_the_cpu(compute, pins):
    part = problem("mmoe", EVERYTHING, compute).data.train
    assert part.folds is not None
    pairs = list(zip(batches(part, 40, compute.device), batches(part, 40, CPU.device), strict=True))
    assert [len(ours.labels) for ours, _ in pairs] == [40, 40, 16]
    tensors = 0
    for ours, theirs in pairs:
        leaves = (pytree.tree_leaves((batch.features, batch.labels)) for batch in (ours, theirs))
        for one, other in zip(*leaves, strict=True):
            assert one.device.type == compute.device.type
            assert torch.equal(one.cpu().nan_to_num(-1), other.nan_to_num(-1))
            tensors += 1
    assert len(pins) == tensors > 30, "all are copied from pinned memory"


def test_the_next_batch_is_prepared_while_this_one_is_in_use(compute, pins, monkeypatch):
    made: list[tuple[int, str]] = []
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
