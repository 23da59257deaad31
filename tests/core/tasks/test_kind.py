"""The defaults of the interface of kinds of tasks."""

import numpy as np
import pytest

from automtl_core.tasks.builtin import Regression
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import task_kind
from automtl_tasks.poisson import Poisson
from automtl_testing import check_task_kind


class Count(Poisson):
    whole = True


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("binary", [False, True, True, True, False], "0 and 1"),
        ("regression", [False, False, False, False, False], "numbers"),
        (Count, [False, True, True, False, False], "whole numbers from 0"),
    ],
)
def test_labels_outside_of_the_range_of_a_kind_are_wrong(name, wrong, allowed):
    kind = task_kind(name) if isinstance(name, str) else name("count")
    assert kind.wrong(np.array([1.0, 0.5, -1.0, 3.0, np.nan])).tolist() == wrong
    assert kind.allowed == allowed


def test_the_rows_of_the_rarer_class_or_all_rows_decide_the_error():
    labels = np.array([1.0, 0.0, 0.0, 0.0])
    assert [task_kind(name).effective_rows(labels) for name in ("binary", "regression")] == [1, 4]
    assert [task_kind(name).effective_rows(labels[1:]) for name in ("binary", "regression")] == [0, 0]


class NoLoss(Poisson):
    row_losses = TaskKind.row_losses


class WrongEvidence(Regression):
    def losses_by_row(self, labels, logits, groups):
        return (labels - logits) ** 2


class WrongSign(Poisson):
    def row_losses(self, labels, logits):
        return -super().row_losses(labels, logits)


class WrongLink(Poisson):
    def expected(self, logits):
        return logits, np.ones_like(logits)


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (NoLoss, NotImplementedError, "neither `sums` nor `row_losses`"),
        (WrongEvidence, AssertionError, "mean of `losses_by_row`"),
        (WrongSign, AssertionError, "must improve when the loss is minimised"),
        (WrongLink, AssertionError, "inverse of `expected`"),
    ],
)
def test_the_contract_finds_faults(made, error, message):
    with pytest.raises(error, match=message):
        check_task_kind(made)
