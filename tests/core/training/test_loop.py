"""What a step minimises and an epoch reports; precision, and the guard of torch's global state."""

import json
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_baselines.funnel import AITM
from automtl_core.data.store import Part
from automtl_core.dataset.schema import Task
from automtl_core.errors import DivergedError, OutOfMemoryError
from automtl_core.modules.features import Features
from automtl_core.modules.network import Penalised
from automtl_core.modules.supernet import Supernet
from automtl_core.registry.plugins import load_registry
from automtl_core.training.balancer import MEAN, TaskLosses, task_losses
from automtl_core.training.batches import Batch, take
from automtl_core.training.compute import CPU, Compute, guarded, recalibrate_batchnorm
from automtl_core.training.events import (
    EpochEnded,
    EventHandler,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    StepEnded,
    Warned,
    phase,
)
from automtl_core.training.loop import Pass, objective, shuffled, step
from automtl_core.training.optimisers import Group, Optimiser
from automtl_core.training.recipe import Recipe
from automtl_testing import plain_schema, sample_part
from automtl_testing.samples import binary_metrics

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


BF16 = Compute(torch.device("cpu"), "bf16")


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


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(1, momentum=0.25)

    def forward(self, features):
        return self.norm(self.drop(features.dense))


def numbers_of(*values):
    rows = torch.tensor(values)[:, None]
    return Batch(Features(torch.zeros(len(values), 1).long(), rows), torch.zeros(len(values), 1))


def test_statistics_are_plain_means_over_batches_without_dropout():
    net = Net().train()
    net.norm.running_mean.fill_(100.0)
    recalibrate_batchnorm(net, [numbers_of(1.0, 3.0), numbers_of(10.0, 14.0)], CPU)
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


REPORT = EpochEnded(
    "search", 3, {"click": 0.5, "buy": None}, {"click": binary_metrics(0.7, 0.6, 10, 4)},
    fixed={"op": "zero", "fields": ("a", "b")},
)  # fmt: skip


def test_a_report_is_one_line_of_json_that_is_read_back():
    told = json.loads(json.dumps(REPORT.to_json()))
    assert told["phase"] == "search"
    assert told["losses"] == {"click": 0.5, "buy": None}
    assert told["fixed"] == {"op": "zero", "fields": ["a", "b"]}
    assert told["validation"]["click"]["auc"] == 0.7
    assert EpochEnded.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT


class Heard(EventHandler):
    def __init__(self):
        self.events = []

    def step(self, event):
        self.events.append("step")
        return False

    def epoch(self, event):
        self.events.append("epoch")
        return True

    def other(self, event):
        self.events.append(event)
        return True


def test_a_handler_calls_the_method_of_a_type_and_returns_its_answer():
    heard = Heard()
    assert not heard(StepEnded("train", 1, 10, 1, 64))
    assert heard(REPORT)
    assert heard(Warned("something"))
    assert heard.events == ["step", "epoch", Warned("something")]


def test_a_phase_begins_makes_progress_and_ends_even_by_an_error():
    heard = Heard()

    def fail():
        with phase(heard, PhaseBegan("preparation")) as progress:
            progress("read", 0.5)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert heard.events == [
        PhaseBegan("preparation"), ProgressMade("preparation", "read", 0.5), PhaseEnded("preparation")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("epochs", "best", "cut"), [(9, 9, True), (9, 7, True), (9, 6, False), (3, 3, False), (1, 1, False)]
)
def test_epochs_that_end_before_patience_does_cut_a_training_short(epochs, best, cut):
    assert Recipe(epochs=epochs, patience=3).cut_short(best) is cut


def test_patience_follows_from_steps_and_ends_trainings():
    assert [Recipe().patience_for(steps) for steps in (81, 80, 24, 1)] == [3, 3, 10, 240]
    assert Recipe(patience=2).patience_for(1) == 2
    assert [Recipe(epochs=40).cut_short(best) for best in (37, 38)] == [False, True]
