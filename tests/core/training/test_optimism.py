"""The validation score minus the test score, of the binary tasks with enough rows, with its error."""

import pytest

from automtl_core.training.baselines import Baseline
from automtl_core.training.optimism import optimism
from automtl_testing.samples import binary_metrics, regression_metrics


def binary(auc, positives=200, rows=1000):
    return binary_metrics(auc, 0.5, positives, rows)


def compared(error):
    return Baseline("AUC", 0.7, error, 0.0, None, None, None)


def test_it_is_the_mean_over_tasks_with_the_error_of_both_parts():
    found = optimism(
        {"click": binary(0.72), "like": binary(0.60, positives=50)},
        {"click": binary(0.70), "like": binary(0.61, positives=100)},
        {"click": compared(0.01), "like": compared(0.02)},
        least=50,
    )
    assert found.difference == pytest.approx((0.02 - 0.01) / 2)
    assert found.error == pytest.approx((0.01**2 * 2 + 0.02**2 * 3) ** 0.5 / 2)
    assert found.tasks == 2


def test_tasks_without_a_reliable_score_in_both_parts_do_not_count():
    real = regression_metrics(1.0, 1.0, 0.5, 100)
    found = optimism(
        {"click": binary(0.72), "rare": binary(0.9, positives=9), "time": real, "none": binary(None)},
        {"click": binary(0.70), "rare": binary(0.6), "time": real, "none": binary(0.5)},
        {task: compared(0.01) for task in ("click", "rare", "time", "none")},
        least=10,
    )
    assert (found.tasks, found.difference) == (1, pytest.approx(0.02))
    assert optimism({"time": real}, {"time": real}, {}, least=10) is None
