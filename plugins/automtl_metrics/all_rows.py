"""Metrics over all rows: PR-AUC, normalised entropy and calibration error.

Letters: R rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from automtl_core.plugin import Metric

Array = NDArray[Any]
CHUNK = 1 << 18
"""Number of positive rows that PR-AUC counts together."""
BINS = 20
"""Number of bins of the calibration error."""


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


def normalised_entropy(labels: Array, predictions: Array, users: Array | None = None) -> float | None:
    """NE: normalised entropy, the log loss divided by that of the share of positive rows.

    He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014, equation 3. Below 1,
    the predictions tell more than the share.

    Args:
        labels: [R], zeros and ones.
        predictions: [R], logits.
        users: Unused.

    Returns:
        None if all labels are equal.

    """
    share = labels.mean()
    if not 0 < share < 1:
        return None
    losses = np.sort(np.logaddexp(0, np.where(labels > 0, -predictions, predictions)))  # in any order of rows
    entropy = -(share * np.log(share) + (1 - share) * np.log1p(-share))
    return float(losses.mean() / entropy)


def calibration_error(labels: Array, predictions: Array, users: Array | None = None) -> float:
    """ECE: mean difference of the predicted and the actual share of positive rows, in 20 bins.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
    2015. The bins have about equally many rows, and rows with equal predictions are in one bin.

    Args:
        labels: [R], zeros and ones.
        predictions: [R], logits.
        users: Unused.

    """
    order = np.lexsort((labels, predictions))
    labels, chances = labels[order], expit(predictions[order])
    edges = np.quantile(chances, np.arange(1, BINS) / BINS, method="inverted_cdf")
    bins = np.searchsorted(edges, chances)
    gaps = np.bincount(bins, weights=chances - labels, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


PR_AUC = Metric("PR-AUC", average_precision, undefined="no row is positive")
NE = Metric("NE", normalised_entropy, higher_is_better=False, undefined="all labels are equal")
ECE = Metric("ECE", calibration_error, higher_is_better=False)
