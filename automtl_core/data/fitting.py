"""Fitting of encodings to training rows: statistics of values and pairs, and bin edges. R: rows."""

import numpy as np
from numpy.typing import NDArray

from automtl_core.data import statistics
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import FittedEncodings
from automtl_core.dataset.schema import Schema
from automtl_core.errors import UsageError
from automtl_core.fields.numeric import edges
from automtl_core.system import seeds

Folds = NDArray[np.int8]
"""Folds of training rows, [R]."""
ROWS = 1_000_000
"""Largest number of rows for the computation of edges."""


def fitted(
    part: Part, schema: Schema, times: NDArray[np.int32] | None = None
) -> tuple[Folds | None, FittedEncodings]:
    """Return the folds of the training rows [R] (None if no encoding needs them), and the fitted encodings.

    Args:
        part: The training rows.
        schema: Schema with the encodings of fields.
        times: Time of each row, as ranks, [R].

    Raises:
        UsageError: the statistics are `earlier`, but there are no times.

    """
    encodings = schema.encodings
    found = FittedEncodings(edges=_edges(part, encodings.bins) if encodings.numbers != "standard" else None)
    if not schema.sparse or (encodings.statistics == "none" and not encodings.pairs):
        return None, found
    if encodings.statistics != "earlier":
        folds = statistics.folds_of(len(part), seeds.derive(0, "folds"))
    elif times is None:
        raise UsageError(
            "features.statistics is `earlier`, but the rows have no times",
            "use --set dataset.split=time, or --set features.statistics=folds",
        )
    else:
        folds = statistics.periods_of(times)
    if encodings.statistics != "none":
        found = found._replace(sparse=statistics.fit(part, folds, schema, schema.sparse))
    if encodings.pairs:
        found = found._replace(crosses=statistics.fit(part, folds, schema, schema.crosses()))
    return folds, found


def _edges(part: Part, bins: int) -> NDArray[np.float32]:
    """Return the edges of bins of equal frequency, including the minimum and the maximum.

    Where numbers repeat, there are fewer bins, and the last edge is repeated.
    """
    dense = np.asarray(part.dense[:: -(-len(part) // ROWS)], np.float64)
    found = np.zeros((dense.shape[1], bins + 1), np.float32)
    for row, column in zip(found, dense.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            low, high = known.min(), known.max()
            inner = [edge for edge in edges(known, bins) if low < edge]
            row[:] = [low, *inner, *[high] * (bins - len(inner))]
    return found
