"""A third party's metrics: calibration, a family of hit rates, an error of numbers, and a faulty one."""

import numpy as np
from scipy.special import expit

from automtl_core.plugin import Counted, Metric, hookimpl


def calibration(labels, predictions, users):
    """Difference of the mean probability to the share of positive rows."""
    return abs(expit(predictions).mean() - labels.mean())


def hits(number):
    """Share of users with a positive row among the number of rows that rank highest."""

    def compute(labels, predictions, users):
        order = np.lexsort((labels, -predictions, users))
        _, first = np.unique(users[order], return_index=True)
        place = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
        return Counted((np.add.reduceat(labels[order] * (place < number), first) > 0).mean(), len(labels))

    return Metric(f"HR@{number}", compute, needs_users=True)


def median_error(labels, predictions, users):
    """Median of the absolute errors."""
    return np.median(abs(labels - predictions))


@hookimpl
def automtl_register_metrics():
    return {
        "calibration": Metric("calibration error", calibration, higher_is_better=False),
        "hit-rate-*": hits,
        "median-error": Metric("median error", median_error, higher_is_better=False, kind="regression"),
        "faulty": Metric("faulty", lambda labels, predictions, users: labels[len(labels)]),
    }
