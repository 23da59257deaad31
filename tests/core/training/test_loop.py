"""The losses of tasks, what a step minimises and an epoch reports; precision, and torch's global state.

Letters: B batch, T tasks.
"""

import json
import math
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st
from pairwise import Pairwise
from pydantic import Field
from torch import nn

from automtl_baselines.funnel import AITM
from automtl_core.dataset.schema import Task
from automtl_core.errors import DivergedError, OutOfMemoryError, UsageError
from automtl_core.modules.features import Features
from automtl_core.modules.network import Penalised
from automtl_core.modules.supernet import Supernet
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Settings
from automtl_core.tasks.kinds import supply
from automtl_core.tasks.loss import Loss
from automtl_core.training.balancer import MEAN, TaskLosses, check_groups, task_losses
from automtl_core.training.batches import Batch, take
from automtl_core.training.compute import CPU, Compute, guarded
from automtl_core.training.events import EpochEnded, EventHandler, PhaseBegan, PhaseEnded, ProgressMade, phase
from automtl_core.training.loop import Pass, objective, step
from automtl_core.training.optimisers import Group, Optimiser
from automtl_core.training.recipe import Recipe
from automtl_testing import plain_schema, sample_part
from automtl_testing.samples import binary_metrics

NAN = float("nan")
TASKS = [Task("click"), Task("price", kind="regression"), Task("like")]
MIXED = task_losses(Recipe(), TASKS, CPU.device)


def random_batch(rows, seed):
    """Return logits and labels of `TASKS` [B, T], of which a third is missing."""
    random = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(rows, 3, generator=random, dtype=torch.float64)).requires_grad_()
    labels = torch.randn(rows, 3, generator=random)
    labels[:, 0::2] = (labels[:, 0::2] > 0).float()
    labels[torch.rand(rows, 3, generator=random) < 1 / 3] = NAN
    return logits, labels


def mean_of(losses, logits, labels):
    """Return the mean loss of each task, [T]."""
    sums, numbers = losses.sums(logits, Batch(None, labels))
    return sums / numbers.clamp(min=1)


def gradient(losses, logits):
    return torch.autograd.grad(losses.sum(), logits)[0]


@given(st.integers(1, 40), st.integers(0, 1000))
def test_the_loss_of_a_task_is_that_of_the_rows_that_have_its_label(rows, seed):
    logits, labels = random_batch(rows, seed)
    losses = mean_of(MIXED, logits, labels)
    found = gradient(losses, logits)
    for t, task in enumerate(TASKS):
        known = ~labels[:, t].isnan()
        if not known.any():
            assert losses[t] == 0
            assert not found[:, t].any()
            continue
        ours, truth = logits[known, t], labels[known, t].double()
        one = F.mse_loss if task.kind == "regression" else F.binary_cross_entropy_with_logits
        expected = one(ours, truth)
        assert losses[t].item() == pytest.approx(expected.item(), rel=1e-12)
        assert torch.allclose(found[:, t], gradient(expected, logits)[:, t], rtol=1e-12, atol=0)


@given(st.integers(2, 40), st.integers(0, 1000))
def test_a_row_of_weight_2_is_two_rows_and_one_of_weight_0_is_none(rows, seed):
    logits, labels = random_batch(rows, seed)
    times = torch.randint(0, 3, (rows,), generator=torch.Generator().manual_seed(seed))
    weights = times[:, None].float().expand(rows, 3)
    sums, numbers = MIXED.sums(logits, Batch(None, labels, row_weights=weights))
    repeated = torch.repeat_interleave(torch.arange(rows), times)
    expected, count = MIXED.sums(logits[repeated], Batch(None, labels[repeated]))
    assert torch.equal(numbers, count)
    assert torch.allclose(sums, expected, rtol=1e-12)
    assert torch.allclose(gradient(sums, logits), gradient(expected, logits), rtol=1e-12)


def test_labels_far_from_0_and_1_leave_the_gradients_of_other_tasks_alone():
    logits = torch.tensor([[0.0, 0.0, 1e4], [0.0, -1e30, -1e4]], requires_grad=True)
    labels = torch.tensor([[1.0, 1e6, 1.0], [0.0, -1e6, 0.0]])
    found = gradient(mean_of(MIXED, logits, labels)[[0, 2]], logits)
    assert found.flatten().tolist() == [-0.25, 0, 0, 0.25, 0, 0]


def test_only_a_kind_that_compares_rows_gets_their_users():
    supply({"pairwise": lambda: Pairwise})
    tasks = [Task("a"), Task("b", kind="pairwise")]
    losses = task_losses(Recipe(loss_weights={"b": 3.0}), tasks, CPU.device)
    assert losses.weights.tolist() == [1, 3]
    labels = torch.tensor([[1.0, 1.0], [0.0, 0.0], [NAN, 0.0], [1.0, NAN]])
    batch = Batch(None, labels, lambda: torch.tensor([1, 1, 2, 1]))
    sums, numbers = losses.sums(torch.zeros(4, 2), batch)
    assert numbers.tolist() == [3, 1], "rows with the label, and pairs of a user"
    assert sums.tolist() == pytest.approx([3 * math.log(2), math.log(2)])
    check_groups(Recipe(), tasks, True)
    with pytest.raises(UsageError, match="'b'"):
        check_groups(Recipe(), tasks, False)


class SquaredSettings(Settings):
    factor: float = Field(1.0, gt=0)


class Squared(Loss[SquaredSettings]):
    """The squared error of probabilities."""

    kinds = ("binary",)

    def row_losses(self, logits, labels):
        return self.settings.factor * (logits.sigmoid() - labels).square()


class OfLists(Loss):
    """The sum of logits in lists."""

    kinds, grouped = ("binary", "regression"), True

    def sums(self, logits, labels, weights, groups):
        listed = weights * (groups > 0)[:, None]
        return (logits * listed).sum(0), listed.sum(0)


def naming(losses):
    return Recipe.parse({"losses": losses}).knowing(losses={"squared": Squared, "lists": OfLists})


def test_a_loss_is_named_for_a_task_or_for_all_tasks_of_its_kinds():
    logits, labels = random_batch(50, 3)
    batch = Batch(None, labels, lambda: torch.arange(50, dtype=torch.int32) % 3)
    own = mean_of(MIXED, logits, labels)
    squared = [((logits[:, t].sigmoid() - labels[:, t]) ** 2).nanmean() for t in range(3)]
    doubled = {"name": "squared", "factor": 2.0}
    for chosen, factors in (
        ("squared", {0: 1, 2: 1}),
        (doubled, {0: 2, 2: 2}),
        ({"like": "squared"}, {2: 1}),
        ({"click": {"name": "squared"}, "like": "squared"}, {0: 1, 2: 1}),
        ({"*": "squared", "click": doubled}, {0: 2, 2: 1}),
    ):
        losses = task_losses(naming(chosen), TASKS, CPU.device)
        assert not losses.grouped
        found = mean_of(losses, logits, labels)
        for t in range(3):
            expected = factors[t] * squared[t] if t in factors else own[t]
            assert found[t].item() == pytest.approx(expected.item()), (chosen, t)
    losses = task_losses(naming("lists"), TASKS, CPU.device)
    assert (losses.grouped, len(losses.losses)) == (True, 1), "all tasks share one loss"
    sums, numbers = losses.sums(logits, batch)
    listed = ~labels.isnan() & (torch.arange(50) % 3 > 0)[:, None]
    assert torch.equal(numbers, listed.sum(0).double())
    assert torch.allclose(sums, (logits * listed).sum(0))


@pytest.mark.parametrize(
    ("recipe", "tasks", "message"),
    [
        (Recipe(monitor=("prize",)), TASKS, r"training.monitor names 'prize'"),
        (naming({"click": "other"}), TASKS, r"training.losses.click: .* 'other'"),
        (naming({"price": "squared"}), TASKS, r"training.losses.price: squared .* binary"),
        (naming("squared"), TASKS[1:2], r"training.losses: squared .* binary"),
        (naming({"click": {"name": "squared", "factor": -1}}), TASKS, r"training.losses.click.factor"),
    ],
)
def test_a_recipe_that_does_not_fit_the_tasks_is_refused(recipe, tasks, message):
    with pytest.raises(UsageError, match=message):
        task_losses(recipe, tasks, CPU.device)


@pytest.mark.parametrize(("losses", "task"), [({"price": "lists"}, "price"), ("lists", "click")])
def test_a_named_loss_of_lists_needs_lists_or_users(losses, task):
    check_groups(naming(losses), TASKS, True)
    with pytest.raises(UsageError, match=f"'{task}', lists"):
        check_groups(naming(losses), TASKS, False)


BATCH = Batch(Features(torch.zeros(2, 1).long(), torch.ones(2, 1)), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
ONES = TaskLosses(torch.ones(2))


class Plain(nn.Module):
    """Two logits that are weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, -1.0]))

    def forward(self, features):
        return features.dense * self.weight


class Squares(Plain):
    """Adds the sum of all squared logits, which are twice 1/4 and twice 1, times a factor."""

    factor = 1.0

    def penalty(self, logits):
        return self.factor * logits.square().sum()


def test_a_penalty_is_added_once_and_to_no_task_also_by_a_supernet_and_has_to_be_finite():
    plain = objective(Plain(), BATCH, ONES, CPU)
    assert torch.equal(plain.by_task, torch.div(*ONES.sums(Plain()(BATCH.features), BATCH)))
    supernet = Supernet(Squares(), {})
    assert isinstance(supernet, Penalised)
    for network in (Squares(), supernet):
        found = objective(network, BATCH, ONES, CPU)
        assert found.loss.item() == pytest.approx(plain.loss.item() + 2.5)
        assert torch.equal(found.by_task, plain.by_task)
    supernet.network.factor = math.inf
    with pytest.raises(DivergedError):
        objective(supernet, BATCH, ONES, CPU)


def test_the_mean_is_differentiated_with_the_penalty():
    w = nn.Parameter(torch.tensor([2.0, 3.0]))
    other = nn.Parameter(torch.ones(1))
    MEAN.backward(w * torch.tensor([1.0, 4.0]) * other, w.sum(), [w])
    assert w.grad.tolist() == [1.5, 3.0]
    assert other.grad is None


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


@pytest.mark.parametrize("value", [NAN, math.inf])
def test_a_prediction_that_is_not_finite_is_found_where_the_label_is_missing(value):
    model = Towers()
    model.towers[0].data.fill_(value)
    with pytest.raises(DivergedError):
        objective(model, batch_of([[NAN, 0.0, 0.0]]), MIXED, CPU)


def test_an_epoch_reports_means_over_the_rows_that_have_the_label():
    # the price is always said to be 1: errors 1, 3 and 2
    first = batch_of([[NAN, 2.0, 1.0], [NAN, 4.0, NAN], [NAN, NAN, NAN]])
    second = batch_of([[NAN, -1.0, 1.0], [NAN, NAN, 0.0]])
    model = Towers()
    optimiser = Optimiser([Group(dict(model.named_parameters()), 0.0, 0.0)], CPU)
    epoch = Pass("train", 1, (first, second), 2, MIXED, EventHandler())
    for batch in epoch:
        epoch.add(step(model, batch, MIXED, MEAN, optimiser, CPU), batch)
    click, cost, like = epoch.losses(TASKS).values()
    assert click is None, "no row has the label"
    assert cost == pytest.approx((1 + 9 + 4) / 3)
    yes, no = (F.softplus(torch.tensor(x)).item() for x in (-2.0, 2.0))
    assert like == pytest.approx((yes + yes + no) / 3)


BF16 = Compute(torch.device("cpu"), "bf16")


def test_a_step_in_bf16_keeps_the_penalty_and_a_float32_loss():
    torch.manual_seed(0)
    space = AITM(plain_schema(), AITM.settings_class(dropout=0.0), load_registry().op)
    network, dtypes = space.network(space.supernet().architecture()), []
    with torch.no_grad():
        network.towers.tops[1][-1].bias.fill_(3.0)  # the later task seems likelier than the one before it
    network.towers.tops[0][0].register_forward_hook(lambda module, inputs, out: dtypes.append(out.dtype))
    batch = take(sample_part(space.schema, 64, seed=0), np.arange(64), CPU.device)
    plain = objective(network, batch, ONES, CPU).loss
    found = objective(network, batch, ONES, BF16)
    assert dtypes == [torch.float32, torch.bfloat16], "products are as precise as asked for"
    assert found.loss.dtype == found.by_task.dtype == torch.float32
    penalty = found.loss - found.by_task.mean()
    assert penalty > 0.1, "a penalty of .6 times some .5, halved, is in the loss"
    assert found.loss.item() == pytest.approx(plain.item(), rel=0.02)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimiser = Optimiser([Group(dict(network.named_parameters()), 1e-3, 0.0)], BF16)
    step(network, batch, ONES, MEAN, optimiser, BF16)
    assert all(p.dtype == torch.float32 for p in network.parameters())
    assert sum(not torch.equal(p, before[name]) for name, p in network.named_parameters()) > 10


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_an_error_with_a_remedy(error):
    with pytest.raises(OutOfMemoryError), guarded():
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


def test_a_second_thread_waits_so_that_both_draw_what_they_would_draw_alone():
    turns = []

    def second():
        with guarded():
            turns.append("second")

    thread = threading.Thread(target=second)
    with guarded():
        thread.start()
        thread.join(0.2)
        turns.append("first")
    thread.join()
    assert turns == ["first", "second"]


def test_a_report_is_one_line_of_json_that_is_read_back():
    metrics = {"click": binary_metrics(0.7, 0.6, 10, 4)}
    fixed = {"op": "zero", "fields": ("a", "b")}
    report = EpochEnded("search", 3, {"click": 0.5, "buy": None}, metrics, fixed=fixed)
    assert EpochEnded.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_a_phase_begins_makes_progress_and_ends_even_by_an_error():
    heard = []

    def fail():
        with phase(lambda event: heard.append(event) or True, PhaseBegan("preparation")) as progress:
            progress("read", 0.5)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    progress = ProgressMade("preparation", "read", 0.5)
    assert heard == [PhaseBegan("preparation"), progress, PhaseEnded("preparation")]


def test_patience_follows_from_steps_and_ends_trainings():
    assert [Recipe().patience_for(steps) for steps in (81, 80, 24, 1)] == [3, 3, 10, 240]
    assert Recipe(patience=2).patience_for(1) == 2
    assert [Recipe(epochs=40).cut_short(best) for best in (37, 38)] == [False, True]
    assert [Recipe(epochs=9, patience=3).cut_short(best) for best in (9, 7, 6)] == [True, True, False]
    assert not any(Recipe(epochs=last, patience=3).cut_short(last) for last in (3, 1))
