"""The concordance index of times, of which some are only known to be longer.

Harrell, Califf, Pryor, Lee and Rosati, "Evaluating the yield of medical tests", JAMA 1982: the share of the
pairs of rows whose order is known that are predicted in this order, equal predictions counting half. The
order of two rows is known if the shorter time is exact. An exact time is shorter than a censored one of the
same number; two equal exact times have no order.

Letters: R rows, Q queries.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.plugin import Array, Floats

Integers = NDArray[np.int64]


class Pairs(NamedTuple):
    """The pairs of each row with others, of which each counts for both of its rows."""

    wrong: Floats  # [R]
    """Number of pairs in the wrong order; equal predictions count half."""
    known: Floats  # [R]
    """Number of pairs whose order is known."""

    @property
    def concordance(self) -> float | None:
        """The concordance index; None if no order is known."""
        known = self.known.sum()
        return float(1 - self.wrong.sum() / known) if known else None

    def by_row(self) -> Floats:
        """Return the contribution of each row to 1 - index, [R], where some order is known.

        Their mean is 1 - index, which is a ratio of two U-statistics; their variance, divided by R, is the
        squared error of the ratio (Hoeffding, "A class of statistics with asymptotically normal
        distribution", 1948). For labels without censoring and of two values, they are those of AUC.
        """
        total = self.known.sum()
        short = self.wrong.sum() / total
        found: Floats = short + 2 * len(self.known) * (self.wrong - short * self.known) / total
        return found


def pairs(times: Array, exact: NDArray[np.bool_], scores: Array) -> Pairs:
    """Return the pairs of each row, in O(R log R) operations.

    Args:
        times: [R].
        exact: Whether a time is exact; the others are longer than their number. [R]
        scores: [R], finite; a higher one predicts a longer time.

    """
    rows, order = len(times), np.lexsort((~exact, times))  # exact times before equal ones that are censored
    times, exact = times[order], exact[order]
    ranks = np.unique(scores, return_inverse=True)[1][order].astype(np.int64)
    changes = np.flatnonzero((times[1:] != times[:-1]) | (exact[1:] != exact[:-1])) + 1
    starts, stops = np.append(0, changes), np.append(changes, rows)  # of groups of equal rows
    group = np.repeat(np.arange(len(starts)), stops - starts)
    before = np.append(0, np.cumsum(exact))[starts[group]]  # number of exact rows that are shorter
    below, equal = _counted(ranks[exact], np.zeros(rows, np.int64), before, ranks)
    twice, known = 2 * (before - below) - equal, before.astype(np.float64)
    after = stops[group[exact]]
    below, equal = _counted(ranks, after, np.full(len(after), rows), ranks[exact])
    twice[exact] += 2 * below + equal
    known[exact] += rows - after
    found = Pairs(np.empty(rows), np.empty(rows))
    found.wrong[order], found.known[order] = twice / 2, known
    return found


def _counted(ranks: Integers, start: Integers, stop: Integers, rank: Integers) -> tuple[Integers, Integers]:
    """Return for each query the number of `ranks[start:stop]` below a rank, and of those that equal it.

    It is a wavelet matrix (Claude, Navarro and Ordonez, "The wavelet matrix", Information Systems 2015): the
    ranks are split by one bit after another, and each query follows the half of its rank.

    Args:
        ranks: [R], from 0.
        start: [Q], like the others.
        stop: Not below `start`.
        rank: Ranks to compare with.

    """
    below = np.zeros(len(rank), np.int64)
    largest = max(ranks.max(initial=0), rank.max(initial=0))
    for bit in reversed(range(int(largest).bit_length())):
        high = ranks >> bit & 1 == 1
        lows = np.append(0, np.cumsum(~high))
        first, last, up = lows[start], lows[stop], rank >> bit & 1 == 1
        below += np.where(up, last - first, 0)
        start, stop = (
            np.where(up, lows[-1] + start - first, first),
            np.where(up, lows[-1] + stop - last, last),
        )
        ranks = np.concatenate([ranks[~high], ranks[high]])
    return below, stop - start
