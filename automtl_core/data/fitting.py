"""What encodings take from training rows: statistics of values and pairs, edges of numbers. R: rows."""

import numpy as np
from numpy.typing import NDArray

from automtl_core import seeds
from automtl_core.data import statistics
from automtl_core.data.part import Part
from automtl_core.dataset.fitted import FittedEncodings
from automtl_core.dataset.schema import Schema
from automtl_core.errors import UsageError
from automtl_core.fields.buckets import edges

Folds = NDArray[np.int8]
"""Of training rows, [R]."""
ROWS = 1_000_000
"""Rows that edges are computed from, at most."""


def fitted(
    part: Part, schema: Schema, times: NDArray[np.int32] | None = None
) -> tuple[Folds | None, FittedEncodings]:
    """Return the folds of training rows [R], None where nobody asks for them, and what was fitted to them.

    Args:
        part: The training rows.
        schema: Tells how fields are encoded.
        times: When each row was, as numbers in that order, [R].

    Raises:
        UsageError: statistics are to be of earlier rows, and there are no times.

    """
    encodings = schema.encodings
    found = FittedEncodings(edges=_edges(part, encodings.bins) if encodings.numbers != "standard" else None)
    if not schema.sparse or (encodings.statistics == "none" and not encodings.pairs):
        return None, found
    if encodings.statistics != "earlier":
        folds = statistics.folds_of(len(part), encodings.folds, seeds.derive(0, "folds"))
    elif times is None:
        raise UsageError(
            "features.statistics: earlier, and nobody knows which rows are",
            "use --set dataset.split=time, or --set features.statistics=folds",
        )
    else:
        folds = statistics.periods_of(times, encodings.folds)
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
