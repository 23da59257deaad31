"""Kinds of tasks: those built in, those of plugins, and their losses."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from automtl_core.errors import UnknownNameError
from automtl_core.registry.kinds import LOSSES
from automtl_core.tasks.builtin import Regression, auc, log_loss, shortfall_by_row
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import distinct, kind_names, supply, task_kind
from automtl_core.tasks.loss import Loss
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
        (type("NoLoss", (Poisson,), {"row_losses": TaskKind.row_losses}), NotImplementedError, "row_losses"),
        (WrongEvidence, AssertionError, "`losses_by_row`"),
        (WrongSign, AssertionError, "must improve when the loss is minimised"),
        (WrongLink, AssertionError, "inverse of `expected`"),
    ],
)
def test_the_contract_finds_faults(made, error, message):
    with pytest.raises(error, match=message):
        check_task_kind(made)


def test_a_supplied_kind_is_known_by_its_name_and_an_unknown_one_an_error():
    supply({"visits": lambda: Poisson})
    assert "visits" in kind_names()
    assert (type(task_kind("visits")), task_kind("visits").name) == (Poisson, "visits")
    assert task_kind("visits") is task_kind("visits")
    with pytest.raises(UnknownNameError, match="'binry'"):
        task_kind("binry")
    ordered = distinct(["regression", "binary", "regression"])
    assert [kind.name for kind in ordered] == ["binary", "regression"], "first those with a mean over tasks"


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_auc_is_the_chance_that_a_positive_scores_higher_and_rows_have_their_share(rows):
    """The error is that of DeLong, of placements in each class."""
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    area = auc(labels.astype(float), scores.astype(float))
    positives, negatives = scores[labels], scores[~labels]
    if len(positives) == 0 or len(negatives) == 0:
        assert area is None
        return
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    assert area == pytest.approx(wins.mean())
    by_row = shortfall_by_row(labels, scores)
    assert by_row.mean() == pytest.approx(1 - area, abs=1e-12)
    variance = sum(wins.mean(axis).var() / wins.shape[1 - axis] for axis in (0, 1))
    assert by_row.var() / len(rows) == pytest.approx(variance, abs=1e-12)


def test_log_loss_by_hand_and_without_overflow():
    assert log_loss(np.array([1.0, 0.0]), np.array([0.0, np.log(3.0)])) == pytest.approx(
        (np.log(2) + np.log(4)) / 2
    )
    assert log_loss(np.array([1.0]), np.array([1000.0])) == 0.0
    assert log_loss(np.array([0.0]), np.array([1000.0])) == 1000.0


def test_the_best_line_has_the_squared_correlation_as_its_r2():
    draw = np.random.default_rng(0)
    x = draw.standard_normal(200)
    labels = 0.7 * x + draw.standard_normal(200)
    fitted = stats.linregress(x, labels)
    found = Regression("price").metrics(labels, fitted.intercept + fitted.slope * x, None)
    assert found.values["r2"] == pytest.approx(fitted.rvalue**2)
    assert found.values["rmse"] == pytest.approx(labels.std() * (1 - fitted.rvalue**2) ** 0.5)


@pytest.mark.parametrize("kinds", [(), "binary", (3,), None])
def test_a_loss_names_kinds(kinds):
    made = type("Odd", (Loss,), {"kinds": kinds})
    assert "must name kinds of tasks" in LOSSES.fault("odd", made)
    made.kinds = ("binary",)
    assert LOSSES.fault("odd", made) is None
