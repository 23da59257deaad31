"""Detection of integers that are category codes: their order carries no information about labels.

Letters: R rows, T tasks.
"""

import numpy as np
from numpy.typing import NDArray

BINS = 16
"""Number of bins of neighbouring numbers."""

Floats = NDArray[np.float64]


def codes(numbers: Floats, labels: NDArray[np.float32]) -> int | None:
    """Return the number of distinct values, if they are codes without an order; else None.

    Codes have at most 1,000 values, with 20 rows or more on average.

    The mean label of each number, and of each bin of numbers, is computed on every other row, and tested on
    the remaining rows: where the labels of neighbouring numbers are unrelated, bins predict worse.

    Args:
        numbers: Values of a field, [R], NaN where missing.
        labels: [R, T], NaN where missing.

    """
    known = ~np.isnan(numbers)
    different, places = np.unique(numbers[known].round(3), return_inverse=True)  # stored in single precision
    few = BINS < len(different) <= min(1000, known.sum() / 20)
    if not few or (different != different.round()).any():
        return None
    bins = np.minimum(np.cumsum(np.bincount(places)) * BINS // len(places), BINS - 1)[places]
    is_informative = any(_more(places, bins, column) for column in labels[known].T.astype(np.float64))
    return len(different) if is_informative else None


def _more(places: NDArray[np.int64], bins: NDArray[np.int64], labels: Floats) -> bool:
    """Return whether single numbers predict a label better than bins, by four standard errors."""
    known = ~np.isnan(labels)
    places, bins, labels = places[known], bins[known], labels[known]
    by_row = _errors(bins, labels) - _errors(places, labels)
    return bool(len(by_row) > 1 and by_row.mean() > 4 * by_row.std() / len(by_row) ** 0.5)


def _errors(groups: NDArray[np.int64], labels: Floats) -> Floats:
    """Return squared errors of the group means on every other row.

    The means are those of the rest, with ten rows of the overall mean.
    """
    learned, held = slice(0, None, 2), slice(1, None, 2)
    counts = np.bincount(groups[learned], minlength=groups.max(initial=0) + 1)
    sums = np.bincount(groups[learned], labels[learned], len(counts))
    means = (sums + 10 * labels[learned].mean()) / (counts + 10) if len(labels) > 1 else sums
    return np.asarray((labels[held] - means[groups[held]]) ** 2)
