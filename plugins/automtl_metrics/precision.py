"""PR-AUC: the area under the precision-recall curve as average precision. Letter: R rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.training.metric import Metric

Array = NDArray[Any]


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
    order = np.argsort(-predictions)
    ordered = predictions[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # of the rows with equal predictions
    hits = np.cumsum(labels[order])[last]
    precision = hits / (np.flatnonzero(last) + 1)
    return float(precision @ np.diff(hits, prepend=0.0)) / positives


PR_AUC = Metric("PR-AUC", average_precision, undefined="no row is positive")
