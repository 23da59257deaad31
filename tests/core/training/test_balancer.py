"""The losses of tasks, and their backward pass by a balancer. Letters: B batch, T tasks."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st
from pairwise import Pairwise
from pydantic import Field
from torch import nn

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.settings.settings import Settings
from automtl_core.system.state import load_state, save_state
from automtl_core.tasks.kinds import supply
from automtl_core.tasks.loss import Loss
from automtl_core.training.balancer import MEAN, Balancer, TaskLosses, balancer_of, check_groups, task_losses
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.recipe import Recipe

from .fits import assert_resumes, make


class ScaledSettings(Settings):
    scale: float = Field(1.0, gt=0)


class Scaled(Balancer[ScaledSettings]):
    """Learns the weights of tasks, and remembers how the losses changed in each step."""

    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.weights = nn.Parameter(torch.ones(len(tasks)))
        self.register_buffer("changes", torch.zeros(len(tasks)))
        self.seen = []

    def backward(self, losses, penalty, inputs):
        self.seen.append(inputs)
        self.before = losses.detach()
        ((self.weights * self.settings.scale * losses).mean() + penalty).backward(inputs=list(inputs))

    def after_step(self, losses_again):
        assert not torch.is_grad_enabled()
        self.changes = self.changes + losses_again() - self.before


def recipe(**settings):
    return Recipe.parse({"balancer": {"name": "scaled", **settings}}).knowing(Scaled)


def test_the_mean_is_differentiated_with_the_penalty():
    w = nn.Parameter(torch.tensor([2.0, 3.0]))
    other = nn.Parameter(torch.ones(1))
    MEAN.backward(w * torch.tensor([1.0, 4.0]) * other, w.sum(), [w])
    assert w.grad.tolist() == [1.5, 3.0]
    assert other.grad is None


def test_the_recipe_makes_a_balancer_with_its_settings_and_outlives_copies():
    copied = recipe(scale=3.0).model_copy(update={"epochs": 1})
    assert balancer_of(copied, ()).settings == ScaledSettings(scale=3.0)


@pytest.fixture
def scaled(problem):
    """Return the problem with the balancer above in its recipe."""
    more = {"balancer": recipe().balancer, "batch_size": 128, "epochs": 2, "patience": 9}
    return replace(problem, recipe=problem.recipe.model_copy(update=more).knowing(Scaled))


def test_a_fit_moves_what_a_balancer_learns_and_tells_it_of_each_step(scaled):
    fit = make(scaled)
    fit.run(EventHandler())
    balancer = fit.balancer
    assert len(balancer.seen) == 2 * fit.steps
    assert {id(p) for p in balancer.seen[0]} == {id(p) for p in (*fit.network.parameters(), balancer.weights)}
    assert (balancer.weights < 1).all(), "the smaller, the smaller the loss"
    assert (balancer.changes != 0).all()
    assert "balancer.weights" in fit.optimiser.state_dict()


def test_the_state_of_a_balancer_is_saved_with_a_fit(scaled, tmp_path):
    assert_resumes(scaled, tmp_path / "state", 1)
    fit = make(scaled)
    fit.run(EventHandler())
    save_state(tmp_path / "state", fit.state_dict())
    saved = load_state(tmp_path / "state")["balancer"]
    assert torch.equal(saved["changes"], fit.balancer.changes)


NAN = float("nan")
TASKS = [Task("click"), Task("price", kind="regression"), Task("like")]
MIXED = task_losses(Recipe(), TASKS, CPU.device)


def random_batch(rows, seed, dtype=torch.float64):
    """Return logits and labels of `TASKS` [B, T], of which a third is missing."""
    random = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(rows, 3, generator=random, dtype=dtype)).requires_grad_()
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_complete_binary_labels_have_the_mean_cross_entropy_and_its_gradient(dtype):
    logits, labels = random_batch(50, 0, dtype)
    labels = (labels > 0).float()
    usual = F.binary_cross_entropy_with_logits(logits, labels.to(dtype), reduction="none").mean(0)
    found = mean_of(TaskLosses(torch.ones(3)), logits, labels)
    assert torch.equal(found, usual)
    assert torch.equal(gradient(found, logits), gradient(usual, logits))


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


def test_labels_far_from_0_and_1_leave_the_gradients_of_other_tasks_alone():
    logits = torch.tensor([[0.0, 0.0, 1e4], [0.0, -1e30, -1e4]], requires_grad=True)
    labels = torch.tensor([[1.0, 1e6, 1.0], [0.0, -1e6, 0.0]])
    found = gradient(mean_of(MIXED, logits, labels)[[0, 2]], logits)
    assert found.flatten().tolist() == [-0.25, 0, 0, 0.25, 0, 0]


def test_losses_are_weighted_by_name():
    found = task_losses(Recipe(loss_weights={"price": 3.0}), TASKS, CPU.device)
    assert found.weights.tolist() == [1, 3, 1]
    masks = {loss.kind.name: mask.tolist() for loss, mask in found.losses}
    assert masks == {"binary": [True, False, True], "regression": [False, True, False]}
    ((loss, mask),) = task_losses(Recipe(), [Task("a")], CPU.device).losses
    assert (loss.kind.name, mask) == ("binary", None)


def test_only_a_kind_that_compares_rows_gets_their_users():
    supply({"pairwise": lambda: Pairwise})
    losses = task_losses(Recipe(), [Task("a"), Task("b", kind="pairwise")], CPU.device)
    labels = torch.tensor([[1.0, 1.0], [0.0, 0.0], [NAN, 0.0], [1.0, NAN]])
    batch = Batch(None, labels, lambda: torch.tensor([1, 1, 2, 1]))
    sums, numbers = losses.sums(torch.zeros(4, 2), batch)
    assert numbers.tolist() == [3, 1], "rows with the label, and pairs of a user"
    assert sums.tolist() == pytest.approx([3 * math.log(2), math.log(2)])


def test_losses_of_groups_need_lists_or_users_and_weights_the_names_of_tasks():
    supply({"pairwise": lambda: Pairwise})
    tasks = [Task("a"), Task("b", kind="pairwise")]
    check_groups(Recipe(), tasks, True)
    with pytest.raises(
        UsageError, match=r"the loss of 'b', that of kind pairwise, compares the rows of a list or user, and"
    ) as error:
        check_groups(Recipe(), tasks, False)
    assert "--set dataset.user=FIELD" in error.value.fix
    for setting in ({"loss_weights": {"prize": 3.0}}, {"monitor": ("prize",)}, {"losses": {"prize": "x"}}):
        with pytest.raises(
            UsageError,
            match=rf"training\.{next(iter(setting))} names 'prize', which is not a task \(did you mean",
        ) as error:
            task_losses(Recipe.parse(setting), TASKS, CPU.device)
        assert error.value.fix == "the tasks are: click, like, price"


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


def test_a_loss_that_does_not_fit_is_told():
    with pytest.raises(UsageError, match=r"training\.losses\.click: the recipe names 'other', but does not"):
        task_losses(naming({"click": "other"}), TASKS, CPU.device)
    with pytest.raises(
        UsageError,
        match=r"training\.losses\.price: squared is a loss for tasks of kind binary, and 'price' is of kind",
    ):
        task_losses(naming({"price": "squared"}), TASKS, CPU.device)
    with pytest.raises(UsageError, match=r"training\.losses: squared is a loss .* binary, and there is none"):
        task_losses(naming("squared"), TASKS[1:2], CPU.device)
    with pytest.raises(
        UsageError, match=r"training\.losses\.click\.factor: expected a number above 0"
    ) as error:
        task_losses(naming({"click": {"name": "squared", "factor": -1}}), TASKS, CPU.device)
    assert error.value.fix.endswith("automtl list loss squared")
    check_groups(naming({"click": "lists"}), TASKS, True)
    with pytest.raises(UsageError, match="the loss of 'price', lists, compares the rows of a list or user"):
        check_groups(naming({"price": "lists"}), TASKS, False)
    with pytest.raises(UsageError, match="the loss of 'click', lists, compares"):
        check_groups(naming("lists"), TASKS, False)


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
