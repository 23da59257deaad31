"""The arrays that encodings learn from training rows.

Letters: K folds, V ids of all fields, C statistics of an id, M dense fields, Q edges of a field.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class FittedEncodings(NamedTuple):
    """Statistics and bin edges that were computed on training rows; None for an encoding without them."""

    sparse: NDArray[np.float32] | None = None  # [K + 1, V, C]
    """Target statistics of the ids of sparse fields. Table k leaves out fold k; the last one has all rows."""
    crosses: NDArray[np.float32] | None = None  # [K + 1, V, C]
    """Target statistics of the ids of feature crosses, in the same way."""
    edges: NDArray[np.float32] | None = None  # [M, Q]
    """Bin edges of dense fields, in rising order."""
