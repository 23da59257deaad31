"""The losses of tasks, and what each counts. Letters: B batch, T tasks."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.tasks.kinds import supply
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU
from automtl_core.training.losses import TaskLosses, check_groups, task_losses
from automtl_core.training.recipe import Recipe

from ...third_party.pairwise import Pairwise

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


def test_the_gradient_of_a_regression_in_closed_form():
    # 2 (prediction - label) / 2 rows that have it
    logits = torch.tensor([[0.0, 3.0, 0.0], [0.0, -1.0, 0.0], [0.0, 9.0, 0.0]], requires_grad=True)
    labels = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.0], [0.0, NAN, 0.0]])
    losses = mean_of(MIXED, logits, labels)
    assert losses[1].item() == pytest.approx((4 + 2.25) / 2)
    assert gradient(losses[1], logits)[:, 1].tolist() == [2.0, -1.5, 0.0]


def test_labels_far_from_0_and_1_leave_the_gradients_of_other_tasks_alone():
    logits = torch.tensor([[0.0, 0.0, 1e4], [0.0, -1e30, -1e4]], requires_grad=True)
    labels = torch.tensor([[1.0, 1e6, 1.0], [0.0, -1e6, 0.0]])
    found = gradient(mean_of(MIXED, logits, labels)[[0, 2]], logits)
    assert found.flatten().tolist() == [-0.25, 0, 0, 0.25, 0, 0]


def test_losses_are_weighted_by_name():
    found = task_losses(Recipe(loss_weights={"price": 3.0}), TASKS, CPU.device)
    assert found.weights.tolist() == [1, 3, 1]
    masks = {kind.name: mask.tolist() for kind, mask in found.kinds}
    assert masks == {"binary": [True, False, True], "regression": [False, True, False]}
    ((kind, mask),) = task_losses(Recipe(), [Task("a")], CPU.device).kinds
    assert (kind.name, mask) == ("binary", None)


def test_only_a_kind_that_compares_rows_gets_their_users():
    supply({"pairwise": lambda: Pairwise})
    losses = task_losses(Recipe(), [Task("a"), Task("b", kind="pairwise")], CPU.device)
    labels = torch.tensor([[1.0, 1.0], [0.0, 0.0], [NAN, 0.0], [1.0, NAN]])
    batch = Batch(None, labels, lambda: torch.tensor([1, 1, 2, 1]))
    sums, numbers = losses.sums(torch.zeros(4, 2), batch)
    assert numbers.tolist() == [3, 1], "rows with the label, and pairs of a user"
    assert sums.tolist() == pytest.approx([3 * math.log(2), math.log(2)])


def test_a_loss_of_groups_needs_a_user_field():
    supply({"pairwise": lambda: Pairwise})
    check_groups([Task("a"), Task("b", kind="pairwise")], "uid")
    with pytest.raises(
        UsageError, match="the loss of 'b', a task of kind pairwise, compares the rows of a user"
    ):
        check_groups([Task("a"), Task("b", kind="pairwise")], None)


def test_a_task_that_is_weighed_and_not_there_is_named():
    with pytest.raises(
        UsageError, match=r"names 'prize', which is not a task \(did you mean 'price'\?\)"
    ) as error:
        task_losses(Recipe(loss_weights={"prize": 3.0}), TASKS, CPU.device)
    assert error.value.fix == "the tasks are: click, like, price"
    with pytest.raises(UsageError, match=r"training\.monitor names 'prize', which is not a task"):
        task_losses(Recipe(monitor=("prize",)), TASKS, CPU.device)
