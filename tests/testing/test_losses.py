"""The contract test of losses finds faults, and names them."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as log_loss, softplus

from automtl_core.registry.kinds import LOSSES
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import task_kind
from automtl_core.tasks.loss import Loss
from automtl_testing import check_loss
from automtl_testing.tasks import check_task_kind

REGISTRY = load_registry()


@pytest.mark.parametrize("name", REGISTRY.names(LOSSES))
def test_built_in_losses_keep_the_contract(name):
    check_loss(REGISTRY.get(LOSSES, name))


def rows(logits, labels):
    return log_loss(logits, labels, reduction="none")


FAULTS = {
    "a row of weight 2 must be as two rows": lambda x, y, w, g: (
        (rows(x, y) * (w > 0)).sum(0),
        (w > 0).sum(0),
    ),
    "a row of weight 0 must be as no row": lambda x, y, w, g: (
        (rows(x, y) * w).sum(0),
        0 * w.sum(0) + len(w),
    ),
    "a row without the label must have no gradient": lambda x, y, w, g: (rows(x, y).sum(0), w.sum(0)),
    "must be those of its lists together": lambda x, y, w, g: (
        (rows(x, y) * w).sum(0) / w.sum(0).clamp(min=1) * 60,
        w.sum(0),
    ),
    "must not depend on the order of rows": lambda x, y, w, g: (
        (rows(x, y) * w * torch.arange(len(x))[:, None]).sum(0),
        w.sum(0),
    ),
    "must not depend on other tasks": lambda x, y, w, g: (
        (rows(x, y) * w).sum(0) + (rows(x, y) * w).sum(),
        w.sum(0),
    ),
    "a sum and a number for each task": lambda x, y, w, g: ((rows(x, y) * w).sum(), w.sum()),
    "a loss must be finite": lambda x, y, w, g: ((rows(x, y) * w).sum(0) / 0, w.sum(0)),
    "a loss must have a gradient": lambda x, y, w, g: ((y * w).sum(0) + 0 * x.sum(0), w.sum(0)),
    "sums have the type of logits": lambda x, y, w, g: ((rows(x, y) * w).sum(0).double(), w.sum(0)),
    "AUC must improve when the loss is minimised": lambda x, y, w, g: ((rows(-x, y) * w).sum(0), w.sum(0)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported(fault):
    class Faulty(Loss):
        kinds = ("binary",)

        def sums(self, *columns):
            return FAULTS[fault](*columns)

    with pytest.raises(AssertionError, match=fault):
        check_loss(Faulty)


def test_a_loss_of_lists_gets_their_numbers():
    class Pairs(Loss):
        kinds, grouped = ("binary",), True

        def sums(self, logits, labels, weights, groups):
            same = (groups[:, None] == groups) & (groups > 0)
            pairs = (labels[:, None] > labels) * same[:, :, None] * weights[:, None] * weights
            return (softplus(logits - logits[:, None]) * pairs).sum((0, 1)), pairs.sum((0, 1))

    check_loss(Pairs)
    Pairs.grouped = False
    with pytest.raises(TypeError):
        check_loss(Pairs)


def test_the_loss_of_a_kind_keeps_the_same_contract():
    class Ignores(type(task_kind("binary"))):
        def sums(self, logits, labels, weights, groups):
            return self.row_losses(logits, labels).sum(0), weights.sum(0)

    assert issubclass(Ignores, TaskKind)
    with pytest.raises(AssertionError, match="a row without the label must have no gradient"):
        check_task_kind(Ignores)
