"""PR-AUC: the area under the precision-recall curve as average precision. Letter: R rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.training.metric import Metric

Array = NDArray[Any]
CHUNK = 1 << 18
"""Number of positive rows that are counted together."""


def average_precision(labels: Array, predictions: Array, users: Array | None = None) -> float | None:
    """PR-AUC: average precision, the mean precision over the positive rows.

    The sum over thresholds of precision times the increase of recall. Each distinct prediction is one
    threshold, so that the order of rows with equal predictions has no effect. A random ranking has about the
    share of positive rows.

    Args:
        labels: [R], zeros and ones.
        predictions: [R]; higher means more likely.
        users: Unused.

    Returns:
        None without a positive row.

    """
    positives = np.count_nonzero(labels)
    if positives == 0:
        return None
    ordered, of_positives = np.sort(predictions), np.sort(predictions[labels > 0])
    total = 0.0
    for start in range(0, positives, CHUNK):
        some = of_positives[start : start + CHUNK]
        rows = len(ordered) - np.searchsorted(ordered, some)  # with at least this prediction
        total += float(np.sum((positives - np.searchsorted(of_positives, some)) / rows))
    return total / positives


PR_AUC = Metric("PR-AUC", average_precision, undefined="no row is positive")
