"""Selection of derived numbers: ratios, differences and sums of two numeric fields that predict labels.

The residuals of the labels after an additive model of the single fields, in bins, are what one field alone
does not tell. The worth of a candidate is the variance of their means by its bins, over all labels, in units
of chance. The best candidate joins if its worth is beyond chance for all of them; its effect is taken off the
residuals, and the next one is looked for. Held-out rows then decide about those that joined, as about other
encodings. (Stagewise selection of generated features: ExploreKit, Katz et al., ICDM 2016.)

Letters: R rows, T labels, B bins.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from automtl_core.dataset.encodings import BINS, Derived
from automtl_core.dataset.schema import OPERATIONS
from automtl_core.fields.numeric import edges
from automtl_core.search.encoding.aggregates import FIELDS, FRESH, SIGNIFICANCE
from automtl_core.search.encoding.rows import Rows

Floats = NDArray[np.float64]
MOST = 8
"""Maximum number of derived numbers."""
ROWS = 20_000
"""Maximum number of rows that are read."""
PRIOR_ROWS = 20.0
"""Pseudo-count of the prior, 0, in the mean of the residuals of a bin."""
ROUNDS = 4
"""Rounds over the fields in which the additive model is fitted."""


def select_derived(rows: Rows) -> tuple[Derived, ...]:
    """Return the derived numbers that tell about labels beyond their fields, the most telling one first."""
    part = rows.learn.some(np.arange(len(rows.learn))[:: -(-len(rows.learn) // ROWS)])
    telling = [place for place, task in enumerate(rows.schema.tasks) if task in rows.telling]
    labels = part.labels[:, telling].astype(np.float64)
    spread = np.maximum(np.nanstd(labels, axis=0), 1e-12)
    residuals = np.nan_to_num((labels - np.nanmean(labels, axis=0)) / spread)
    columns = rows.schema.unscaled(part.dense.astype(np.float64))
    alone = {name: _Bins(column) for name, column in columns.items()}
    fields = sorted(alone, key=lambda name: -alone[name].worth(residuals))[:FIELDS]
    for bins in [*alone.values()] * ROUNDS:
        residuals = bins.without(residuals)
    pool: dict[Derived, _Bins] = {}
    with np.errstate(all="ignore"):
        for one, other in combinations([name for name in columns if name in fields], 2):
            for sign, do in OPERATIONS.items():
                made = do(columns[one], columns[other])
                pool[one, sign, other] = _Bins(np.where(np.isfinite(made), made, np.nan))
    worths = {pair: bins.worth(residuals) for pair, bins in pool.items()}
    found: list[Derived] = []
    while worths and len(found) < MOST:
        likely = sorted(worths, key=worths.__getitem__)[-FRESH:]
        worths |= {pair: pool[pair].worth(residuals) for pair in likely}
        best = max(worths, key=worths.__getitem__)
        if worths.pop(best) <= pool[best].chance(len(telling), SIGNIFICANCE / len(pool)):
            break
        found.append(best)
        for bins in (pool[best], alone[best[0]], alone[best[2]]):
            residuals = bins.without(residuals)
    return tuple(found)


class _Bins:
    """Rows by the bin of a number; a missing number has a bin of its own."""

    def __init__(self, column: Floats) -> None:
        missing = np.isnan(column)
        self.places = np.where(missing, 0, np.searchsorted(edges(column, BINS), column, side="right") + 1)
        self.counts = np.bincount(self.places)

    def _sums(self, residuals: Floats) -> Floats:  # [R, T] -> [B, T]
        return np.stack([np.bincount(self.places, of_task) for of_task in residuals.T], axis=1)

    def worth(self, residuals: Floats) -> float:
        """Return the squared means by bin in units of chance, less those expected, summed over labels."""
        there = self.counts > 0
        squares = self._sums(residuals)[there] ** 2 / self.counts[there, None]
        return float((squares.sum(0) / residuals.var(0) - (there.sum() - 1)).sum())

    def chance(self, tasks: int, p: float) -> float:
        """Return the worth that is exceeded with probability p if the number tells nothing."""
        freedom = tasks * max((self.counts > 0).sum() - 1, 1)
        return float(chdtri(freedom, p) - freedom)

    def without(self, residuals: Floats) -> Floats:
        """Return the residuals less their shrunken means by bin."""
        return residuals - (self._sums(residuals) / (self.counts[:, None] + PRIOR_ROWS))[self.places]
