"""Weights by uncertainty; gradients and losses combined by TorchJD. Letters: T tasks."""

import pytest
import torch
from torch import nn

from automtl_balancers.balancers import MGDA, STCH, GeometricMean, GradDrop, PCGrad, Uncertainty, UPGrad
from automtl_core.dataset.schema import Task
from automtl_core.settings.settings import Settings
from automtl_core.training.balancer import MEAN

MIXED = [Task("click"), Task("price", kind="regression"), Task("like")]


def backward(losses, log_variances):
    balancer = Uncertainty(Settings(), MIXED)
    balancer.log_variances.data = torch.tensor(log_variances)
    w = nn.Parameter(torch.ones(3))
    balancer.backward(w * torch.tensor(losses), torch.zeros(()), [w, balancer.log_variances])
    return w.grad, balancer.log_variances.grad


def test_the_weights_are_those_of_the_paper():
    s = torch.tensor([0.5, -1.0, 2.0])
    losses = torch.tensor([0.3, 0.8, 0.1])
    weights = torch.exp(-s) * torch.tensor([1.0, 0.5, 1.0])
    grad, of_variances = backward(losses.tolist(), s.tolist())
    torch.testing.assert_close(grad, weights * losses / 3)
    torch.testing.assert_close(of_variances, (0.5 - weights * losses) / 3)


def test_the_variance_of_a_task_without_a_label_stays():
    _, grad = backward([1.0, 1.0, 0.0], [0.0] * 3)
    assert grad[2] == 0.0
    assert grad[0] != 0.0


pytest.importorskip("torchjd", reason="TorchJD is not installed: pip install 'automtl[torchjd]'")

TASKS = [Task("click"), Task("like")]
CONFLICT = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])


def make(balancer, **settings):
    return balancer(balancer.settings_class(**settings), TASKS)


def gradients(balancer, jacobian, penalty=0.0):
    """Return the gradients of a parameter of this Jacobian, [T, 2], and of one parameter of each task."""
    shared, *own = (nn.Parameter(torch.ones(2)) for _ in range(3))
    losses = jacobian @ shared + torch.stack([3 * own[0].sum(), 5 * own[1].sum()])
    balancer.backward(losses, penalty * (shared.sum() + own[1].sum()), [shared, *own])
    return shared.grad, own[0].grad, own[1].grad


def test_pcgrad_projects_what_conflicts():
    # g1 - (g1 g2 / |g2|^2) g2 = (.5, .5) and g2 - (g2 g1 / |g1|^2) g1 = (0, 1); their sum, over two tasks
    shared, *_ = gradients(make(PCGrad), CONFLICT)
    torch.testing.assert_close(shared, torch.tensor([0.25, 0.75]))


def test_mgda_takes_the_shortest_convex_combination():
    shared, *_ = gradients(make(MGDA), CONFLICT)
    torch.testing.assert_close(shared, torch.tensor([0.2, 0.4]), atol=1e-2, rtol=0)


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e4])
def test_short_gradients_are_not_taken_for_none(scale):
    shared, *_ = gradients(make(UPGrad), scale * CONFLICT)
    torch.testing.assert_close(shared / scale, torch.tensor([0.25, 0.75]), atol=1e-2, rtol=0)


def test_tasks_that_agree_have_their_mean():
    agree = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
    for balancer in (PCGrad, GradDrop, UPGrad):
        shared, *_ = gradients(make(balancer), agree)
        torch.testing.assert_close(shared, agree.mean(0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("balancer", [PCGrad, MGDA])
def test_a_parameter_of_one_task_has_the_gradient_of_the_weighted_mean(balancer):
    assert [g.tolist() for g in gradients(make(balancer), CONFLICT)[1:]] == [
        g.tolist() for g in gradients(MEAN, CONFLICT)[1:]
    ]


def test_a_task_without_a_gradient_has_no_part_in_it():
    silent = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert gradients(make(MGDA), silent)[0].tolist() == [0.5, 0.0], "and does not stop the others"


def test_the_penalty_is_added_to_the_gradients_of_all():
    plain, with_penalty = (gradients(make(PCGrad), CONFLICT, penalty) for penalty in (0.0, 2.0))
    assert [(b - a).tolist() for a, b in zip(plain, with_penalty, strict=True)] == [[2, 2], [0, 0], [2, 2]]


def test_rows_of_a_sparse_embedding_are_aggregated_as_those_of_a_dense_one():
    def table(sparse):
        torch.manual_seed(0)
        table = nn.Embedding(6, 3, sparse=sparse)
        clicks, likes = table(torch.tensor([1, 4, 1])), table(torch.tensor([4, 0]))
        losses = torch.stack([clicks.square().sum(), (likes - 1).square().sum()])
        make(PCGrad).backward(losses, table.weight.new_zeros(()), [table.weight])
        return table.weight.grad

    sparse, dense = table(True), table(False)
    assert sparse.is_sparse
    assert sparse.coalesce().indices()[0].tolist() == [0, 1, 4]
    torch.testing.assert_close(sparse.to_dense(), dense)


def scalar_gradient(balancer, losses):
    w = nn.Parameter(torch.ones(2))
    balancer.backward(w * torch.tensor(losses), torch.zeros(()), [w])
    return w.grad.tolist()


def test_the_geometric_mean():
    assert scalar_gradient(GeometricMean(Settings(), TASKS), [1.0, 4.0]) == pytest.approx([1.0, 1.0])


def test_a_task_without_a_label_has_no_part_in_it():
    assert scalar_gradient(GeometricMean(Settings(), TASKS), [3.0, 0.0]) == pytest.approx([3.0, 0.0])
    assert scalar_gradient(GeometricMean(Settings(), TASKS), [0.0, 0.0]) == [0.0, 0.0]


def test_the_smooth_maximum_is_almost_the_largest_loss():
    smaller, larger = scalar_gradient(make(STCH, mu=0.1), [1.0, 2.0])  # as in runs of earlier versions
    assert larger > 10 * smaller > 0
