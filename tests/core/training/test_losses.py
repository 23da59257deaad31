"""The losses of tasks, and what each counts. Letters: B batch, T tasks."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.training.compute import CPU
from automtl_core.training.losses import TaskLosses, task_losses
from automtl_core.training.recipe import Recipe

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


def gradient(losses, logits):
    return torch.autograd.grad(losses.sum(), logits)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_complete_binary_labels_have_the_mean_cross_entropy_and_its_gradient(dtype):
    logits, labels = random_batch(50, 0, dtype)
    labels = (labels > 0).float()
    usual = F.binary_cross_entropy_with_logits(logits, labels.to(dtype), reduction="none").mean(0)
    found = TaskLosses(torch.ones(3)).of(logits, labels)
    assert torch.equal(found, usual)
    assert torch.equal(gradient(found, logits), gradient(usual, logits))


@given(st.integers(1, 40), st.integers(0, 1000))
def test_the_loss_of_a_task_is_that_of_the_rows_that_have_its_label(rows, seed):
    logits, labels = random_batch(rows, seed)
    losses = MIXED.of(logits, labels)
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
    losses = MIXED.of(logits, labels)
    assert losses[1].item() == pytest.approx((4 + 2.25) / 2)
    assert gradient(losses[1], logits)[:, 1].tolist() == [2.0, -1.5, 0.0]


def test_labels_far_from_0_and_1_leave_the_gradients_of_other_tasks_alone():
    logits = torch.tensor([[0.0, 0.0, 1e4], [0.0, -1e30, -1e4]], requires_grad=True)
    labels = torch.tensor([[1.0, 1e6, 1.0], [0.0, -1e6, 0.0]])
    found = gradient(MIXED.of(logits, labels)[[0, 2]], logits)
    assert found.flatten().tolist() == [-0.25, 0, 0, 0.25, 0, 0]


def test_losses_are_weighted_by_name():
    found = task_losses(Recipe(loss_weights={"price": 3.0}), TASKS, CPU.device)
    assert found.weights.tolist() == [1, 3, 1]
    assert found.real.tolist() == [False, True, False]
    assert task_losses(Recipe(), [Task("a")], CPU.device).real is None


def test_a_task_that_is_weighed_and_not_there_is_named():
    with pytest.raises(
        UsageError, match=r"names 'prize', which is not a task \(did you mean 'price'\?\)"
    ) as error:
        task_losses(Recipe(loss_weights={"prize": 3.0}), TASKS, CPU.device)
    assert error.value.fix == "the tasks are: click, like, price"
    with pytest.raises(UsageError, match=r"training\.monitor names 'prize', which is not a task"):
        task_losses(Recipe(monitor=("prize",)), TASKS, CPU.device)
