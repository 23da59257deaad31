"""A metric of a plugin gets what it is promised, and its faults cost a value and nothing else."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError
from automtl_core.training.metric import Counted, Metric, MetricValue, check_monitored, metric_value

CLICK = Task("click")
PRICE = Task("price", kind="regression", mean=100.0, deviation=20.0)
LABELS, LOGITS, USERS = np.array([1.0, 0, 1]), np.array([0.5, -1.0, 2.0]), np.array([7, 0, 7])


def value(compute, task=CLICK, users=USERS, **options):
    metric = Metric("mine", compute, kind=task.kind, supplier="metric 'mine' of plugin 'p'", **options)
    return metric_value(metric, task, LABELS, LOGITS, users)


def test_a_value_has_a_title_a_direction_and_rows_or_a_reason():
    assert value(lambda *rows: 3) == MetricValue("mine", 1, 3.0, 3)
    assert value(lambda *rows: np.float32(0.5), higher_is_better=False) == MetricValue("mine", -1, 0.5, 3)
    assert value(lambda *rows: Counted(0.5, np.int64(2))) == MetricValue("mine", 1, 0.5, 2)
    found = value(lambda *rows: None, undefined="no user has rows of both classes")
    assert (found.value, found.reason) == (None, "no user has rows of both classes")
    assert value(lambda *rows: Counted(None, 0)).rows == 0


def test_it_sees_labels_logits_and_users():
    seen = []
    value(lambda *rows: seen.extend(rows))
    for array, expected in zip(seen, (LABELS, LOGITS, USERS), strict=True):
        np.testing.assert_array_equal(array, expected)
    seen.clear()
    value(lambda *rows: seen.extend(rows), users=None)
    assert seen[2] is None


def test_a_metric_that_needs_users_sees_the_rows_with_a_known_one():
    seen = []
    found = value(lambda *rows: seen.extend(rows) or 1.0, needs_users=True)
    assert [array.tolist() for array in seen] == [[1.0, 1.0], [0.5, 2.0], [7, 7]]
    assert found.rows == 2
    nobody = value(lambda *rows: 1.0, needs_users=True, users=np.zeros(3, int))
    assert (nobody.value, nobody.rows, nobody.reason) == (None, 0, "no row of a known user has a label")


def test_regressions_are_in_units_of_the_label():
    seen = []
    value(lambda *rows: seen.extend(rows), task=PRICE)
    assert [array.tolist() for array in seen[:2]] == [[120.0, 100.0, 120.0], [110.0, 80.0, 140.0]]


def changes_labels(labels, predictions, users):
    labels[:] = 0


def exits(labels, predictions, users):
    sys.exit(3)


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (lambda *rows: 1 // 0, "failed: ZeroDivisionError: integer division or modulo by zero"),
        (lambda *rows: [][0], "failed: IndexError: list index out of range"),
        (changes_labels, "failed: ValueError: assignment destination is read-only"),
        (exits, "failed: SystemExit: 3"),
        (lambda *rows: float("nan"), "returns nan, expected a finite number or None"),
        (lambda *rows: float("inf"), "returns inf, expected a finite number or None"),
        (lambda *rows: "0.5", "returns '0.5', expected a finite number or None"),
        (lambda *rows: True, "returns True, expected a finite number or None"),
        (lambda *rows: np.zeros(3), "returns array([0., 0., 0.]), expected a finite number or None"),
        (lambda *rows: Counted(0.5, None), "failed: TypeError: int() argument must be"),
    ],
)
def test_a_fault_is_a_reason_that_names_the_plugin(compute, reason):
    found = value(compute)
    assert found.value is None
    assert found.reason.startswith(f"the metric 'mine' of plugin 'p' {reason}")


def test_the_metric_that_decides_has_to_apply_to_the_data():
    by_user, of_numbers = Metric("G", len, needs_users=True), Metric("E", len, kind="regression")
    anyone, users, lists = (
        SimpleNamespace(user=user, settings=DatasetSettings.parse({"list": columns}))
        for user, columns in ((None, None), ("user", None), (None, "page"))
    )
    check_monitored({}, [CLICK], anyone)
    check_monitored({"g": by_user, "e": of_numbers}, [CLICK, PRICE], users)
    check_monitored({"g": by_user}, [CLICK], lists)
    with pytest.raises(UsageError, match="g is computed by user, and the dataset has no user field"):
        check_monitored({"g": by_user}, [CLICK], anyone)
    with pytest.raises(UsageError, match="e is for tasks of kind regression, and there is none"):
        check_monitored({"e": of_numbers}, [CLICK], users)
