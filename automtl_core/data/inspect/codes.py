"""Whole numbers that are codes: what they say of labels follows no order.

Letters: R rows, T tasks.
"""

import numpy as np
from numpy.typing import NDArray

MOST, OFTEN = 1000, 20
"""Different whole numbers up to which they may be codes, and rows that each of them has on average."""
BINS = 16
"""Neighbouring numbers are put into so many bins."""
PRIOR = 10.0
"""Rows that the mean label counts for."""
SURE = 4.0
"""Standard errors by which single numbers have to tell more than bins of neighbours."""

Floats = NDArray[np.float64]


def codes(numbers: Floats, labels: NDArray[np.float32]) -> int | None:
    """Return how many different numbers there are, if they are codes without an order; None if they are not.

    Means of a label by number, and by bin of numbers, are taken on every other row, and compared on the
    others: where neighbours have little in common, a bin of them tells less.

    Args:
        numbers: Of a field, [R], NaN where missing.
        labels: [R, T], NaN where missing.

    """
    known = ~np.isnan(numbers)
    different, places = np.unique(numbers[known].round(3), return_inverse=True)  # kept in single precision
    few = BINS < len(different) <= min(MOST, known.sum() / OFTEN)
    if not few or (different != different.round()).any():
        return None
    bins = np.minimum(np.cumsum(np.bincount(places)) * BINS // len(places), BINS - 1)[places]
    tells = any(_more(places, bins, column) for column in labels[known].T.astype(np.float64))
    return len(different) if tells else None


def _more(places: NDArray[np.int64], bins: NDArray[np.int64], labels: Floats) -> bool:
    """Return whether numbers tell more of a label than bins of them, by more than chance."""
    known = ~np.isnan(labels)
    places, bins, labels = places[known], bins[known], labels[known]
    by_row = _errors(bins, labels) - _errors(places, labels)
    return bool(len(by_row) > 1 and by_row.mean() > SURE * by_row.std() / len(by_row) ** 0.5)


def _errors(groups: NDArray[np.int64], labels: Floats) -> Floats:
    """Return the squared error of the mean of its group on every other row, learned on those between."""
    learned, held = slice(0, None, 2), slice(1, None, 2)
    counts = np.bincount(groups[learned], minlength=groups.max(initial=0) + 1)
    sums = np.bincount(groups[learned], labels[learned], len(counts))
    means = (sums + PRIOR * labels[learned].mean()) / (counts + PRIOR) if len(labels) > 1 else sums
    return np.asarray((labels[held] - means[groups[held]]) ** 2)
