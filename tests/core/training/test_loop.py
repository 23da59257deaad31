"""What a step minimises, and what an epoch reports. Letters: B batch, T tasks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_core.data.store import Part
from automtl_core.dataset.schema import Task
from automtl_core.errors import DivergedError
from automtl_core.modules.features import Features
from automtl_core.modules.network import Penalised
from automtl_core.modules.supernet import Supernet
from automtl_core.training.balancer import MEAN, TaskLosses, task_losses
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.loop import Pass, objective, shuffled, step
from automtl_core.training.optimisers import Group, Optimiser
from automtl_core.training.recipe import Recipe

BATCH = Batch(Features(torch.zeros(2, 1).long(), torch.ones(2, 1)), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
ONES = TaskLosses(torch.ones(2))
NAN = float("nan")
TASKS = [Task("click"), Task("price", kind="regression"), Task("like")]
MIXED = task_losses(Recipe(), TASKS, CPU.device)


class Plain(nn.Module):
    """Two logits that are weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, -1.0]))

    def forward(self, features):
        return features.dense * self.weight


class Squares(Plain):
    """Adds the sum of all squared logits, which are twice 1/4 and twice 1."""

    def penalty(self, logits):
        return logits.square().sum()


def test_a_penalty_is_added_once_and_to_no_task():
    found = objective(Plain(), BATCH, ONES, CPU)
    plain, plain_losses = found.loss, found.by_task
    found = objective(Squares(), BATCH, ONES, CPU)
    loss, losses = found.loss, found.by_task
    assert loss.item() == pytest.approx(plain.item() + 2.5)
    assert torch.equal(losses, plain_losses)
    assert torch.equal(losses, torch.div(*ONES.sums(Plain()(BATCH.features), BATCH)))


def test_a_penalty_that_is_not_finite_stops_training():
    class Broken(Plain):
        def penalty(self, logits):
            return logits.sum() * float("inf")

    with pytest.raises(DivergedError):
        objective(Broken(), BATCH, ONES, CPU)


def test_a_supernet_passes_on_the_penalty_of_its_network():
    supernet = Supernet(Squares(), {})
    assert isinstance(supernet, Penalised)
    assert (
        objective(supernet, BATCH, ONES, CPU).loss.item()
        == objective(Squares(), BATCH, ONES, CPU).loss.item()
    )


class Towers(nn.Module):
    """A bias for each of three tasks."""

    def __init__(self):
        super().__init__()
        self.towers = nn.ParameterList(torch.full((1,), float(t)) for t in range(3))

    def forward(self, features):
        return torch.cat(list(self.towers)).expand(len(features.ids), 3)


def batch_of(labels):
    labels = torch.tensor(labels)
    return Batch(Features(torch.zeros(len(labels), 1).long(), torch.zeros(len(labels), 0)), labels)


@pytest.mark.parametrize("missing", range(3))
def test_a_batch_without_a_label_of_a_task_does_not_move_it(missing):
    model, labels = Towers(), torch.tensor([[1.0, 5.0, 0.0], [1.0, 6.0, 0.0]])
    labels[:, missing] = NAN
    found = objective(model, batch_of(labels.tolist()), MIXED, CPU)
    loss, losses = found.loss, found.by_task
    loss.backward()
    assert losses[missing] == 0
    moved = [bool(tower.grad.any()) for tower in model.towers]
    assert moved == [t != missing for t in range(3)]
    assert all(tower.grad.isfinite().all() for tower in model.towers)


def test_a_prediction_that_is_not_finite_is_found_where_the_label_is_missing():
    for value in (NAN, float("inf")):
        model = Towers()
        model.towers[0].data.fill_(value)
        with pytest.raises(DivergedError):
            objective(model, batch_of([[NAN, 0.0, 0.0]]), MIXED, CPU)


def epoch_losses(*batches):
    model = Towers()
    optimiser = Optimiser([Group(dict(model.named_parameters()), 0.0, 0.0)], CPU)
    epoch = Pass("train", 1, batches, len(batches), MIXED, EventHandler())
    for batch in epoch:
        epoch.add(step(model, batch, MIXED, MEAN, optimiser, CPU), batch)
    return epoch.losses(TASKS).values()


def test_an_epoch_reports_means_over_the_rows_that_have_the_label():
    # the price is always said to be 1: errors 1, 3 and 2
    first = batch_of([[NAN, 2.0, 1.0], [NAN, 4.0, NAN], [NAN, NAN, NAN]])
    second = batch_of([[NAN, -1.0, 1.0], [NAN, NAN, 0.0]])
    click, cost, like = epoch_losses(first, second)
    assert click is None, "no row has the label"
    assert cost == pytest.approx((1 + 9 + 4) / 3)
    yes, no = (F.softplus(torch.tensor(x)).item() for x in (-2.0, 2.0))
    assert like == pytest.approx((yes + yes + no) / 3)


NUMBERED = Part(
    np.arange(9, dtype=np.int32)[:, None], np.zeros((9, 0), np.float32), np.zeros((9, 1), np.float32)
)


def passed(epoch, size=4, rows=None):
    """Return the rows of one pass, batch by batch."""
    found = shuffled(NUMBERED, Recipe(batch_size=size), 0, epoch, CPU, rows)
    return [batch.features.ids[:, 0].tolist() for batch in found]


def flat(batches):
    return [row for batch in batches for row in batch]


def test_two_epochs_have_two_orders_and_the_same_epoch_has_one():
    orders = [flat(passed(epoch, size=3)) for epoch in (1, 2, 3)]
    assert all(sorted(order) == list(range(9)) for order in orders), "each pass holds every row once"
    assert len(set(map(tuple, orders))) == 3
    assert orders[0] == flat(passed(1, size=3))
