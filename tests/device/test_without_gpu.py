"""The code for a GPU on torch's `meta` device, which computes no values, but knows devices."""

from contextlib import nullcontext
from itertools import islice

import pytest
import torch

from automtl_core.training.balancer import task_losses
from automtl_core.training.compute import Compute
from automtl_core.training.loop import objective, shuffled

from .problems import EVERYTHING, fit_of, problem

META = Compute(torch.device("meta"))
NETWORKS = ("aitm", "cross-stitch", "desan", "din-mmoe", "esmm", "mmoe", "ple", "stem")


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_mix_no_devices_and_read_no_number(name, monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which does not know this device
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)  # which needs a GPU
    made = problem(name, EVERYTHING, META)
    fit = fit_of(made)
    weights = [p for p in fit.network.parameters() if p.requires_grad]
    losses = task_losses(made.recipe, made.data.tasks, META.device)
    for batch in islice(shuffled(made.data.train, made.recipe, 0, 1, META), 2):
        parts = objective(fit.network.train(), batch, losses, META)
        fit.balancer.backward(parts.losses, parts.penalty, weights)
    assert all(p.grad is None or p.grad.device == META.device for p in weights)
