"""Metrics of rankings: of each user's rows, averaged over users, and PR-AUC over all rows.

Users are those of the raw data: all users of new rows and of test rows count, whether or not their id is in
the vocabulary. Rows without a user are left out.

A feed ranks the rows of one user. An AUC over all rows also rewards a model that knows which users click
more often. Where predictions for a user are equal, all orders of these rows count alike, so the order of the
rows in the data has no effect.

Letters: R rows, U users, G groups of rows of one user with equal predictions.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.plugin import ByUser, Counted, Metric

Array = NDArray[Any]
BLOCK = 1 << 20
"""Approximate number of rows that are ranked together: all rows of some users."""
CHUNK = 1 << 18
"""Number of positive rows that PR-AUC counts together."""


class _Groups(NamedTuple):
    """Groups by user, and by falling prediction within a user."""

    user: Array
    """Number of the user of each group, from 0 on, [G]."""
    place: Array
    """Number of rows of the user before the group, [G]."""
    size: Array
    """Rows of each group, [G]."""
    hits: Array
    """Positive rows of each group, [G]."""
    rows: Array
    """Rows of each user, [U]."""
    positives: Array
    """Positive rows of each user, [U]."""


class _Sums(NamedTuple):
    """Sums over the users of a block who count."""

    total: float
    """Sum of the values of the users, times their weights."""
    weight: float
    random: float
    """As `total`, for a random order of the rows of each user."""
    variance: float
    """Variance of `total` for a random order."""
    users: int
    rows: int


def gauc(labels: Array, predictions: Array, users: Array) -> Counted:
    """GAUC: AUC within each user, averaged over users with rows of both classes, weighted by their rows.

    Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018, section 6.2; a row is an
    impression. A positive and a negative row with equal predictions count half.

    Args:
        labels: [R], zeros and ones.
        predictions: [R]; higher means more likely.
        users: User of each row, [R].

    Returns:
        The value, the number of rows of users with both classes, and these users. The variance of the AUC of
        a random order is that of the rank sum (Mann and Whitney 1947).

    """

    def of_block(groups: _Groups) -> _Sums:
        positives, negatives = groups.positives, groups.rows - groups.positives
        counting = (positives > 0) & (negatives > 0)
        above = groups.place + (groups.size - 1) / 2  # rows above one of a group, ties half
        above_positives = np.bincount(groups.user, weights=groups.hits * above)
        wrong = above_positives - positives * (positives - 1) / 2  # pairs with the negative row above
        pairs, rows = (positives * negatives)[counting], groups.rows[counting]
        total, count = float((1 - wrong[counting] / pairs) @ rows), int(rows.sum())
        return _Sums(total, count, count / 2, float(rows**2 @ ((rows + 1) / (12 * pairs))), len(rows), count)

    return _averaged(labels, predictions, users, "with rows of both classes", of_block)


def ndcg(labels: Array, predictions: Array, users: Array, k: int) -> Counted:
    """NDCG at k with binary relevance, averaged over users with a positive row.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; the row at place i
    is discounted by log2(i + 1). Rows with equal predictions have their mean relevance, the expectation over
    their orders (McSherry and Najork, "Computing information retrieval performance measures efficiently in
    the presence of tied scores", ECIR 2008).

    Args:
        labels: [R], zeros and ones.
        predictions: [R]; higher means more likely.
        users: User of each row, [R].
        k: Number of places that count.

    Returns:
        The value, the number of rows of users with a positive row, and these users.

    """

    def of_block(groups: _Groups) -> _Sums:
        counting = groups.positives > 0
        last = min(k, int(groups.rows.max()))
        discounts = 1 / np.log2(np.arange(last) + 2)
        gains, squares = (np.append(0.0, np.cumsum(discounts**n)) for n in (1, 2))  # of the first n places
        begin, end = (np.minimum(place, last) for place in (groups.place, groups.place + groups.size))
        gained = np.bincount(groups.user, weights=groups.hits / groups.size * (gains[end] - gains[begin]))
        rows, positives = groups.rows[counting], groups.positives[counting]
        ideal = gains[np.minimum(positives.astype(np.int64), last)]
        share, places = positives / rows, np.minimum(rows, last)
        random = float(np.sum(share * gains[places] / ideal))
        apart = squares[places] - gains[places] ** 2 / rows  # drawn without replacement
        variance = float(np.sum(share * (1 - share) * rows / np.maximum(rows - 1, 1) * apart / ideal**2))
        total, count = float(np.sum(gained[counting] / ideal)), len(rows)
        return _Sums(total, count, random, variance, count, int(rows.sum()))

    return _averaged(labels, predictions, users, "with a positive row", of_block)


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


def ndcg_at(number: int) -> Metric:
    """NDCG@k: discounted positive rows among the first k of a user, averaged over users with any."""
    return Metric(
        f"NDCG@{number}",
        partial(ndcg, k=number),
        needs_users=True,
        undefined="no row of a known user is positive",
    )


PR_AUC = Metric("PR-AUC", average_precision, undefined="no row is positive")
GAUC = Metric("GAUC", gauc, needs_users=True, undefined="no user has rows of both classes")


def _averaged(
    labels: Array, predictions: Array, users: Array, which: str, of_block: Callable[[_Groups], _Sums]
) -> Counted:
    """Return the weighted mean over users; `which` says in words which users count."""
    all_users, blocks = 0, [_Sums(0.0, 0, 0.0, 0.0, 0, 0)]
    for groups in _blocks(labels, predictions, users):
        blocks.append(of_block(groups))
        all_users += len(groups.rows)
    total, weight, random, variance, counted, rows = (sum(column) for column in zip(*blocks, strict=True))
    if not weight:
        return Counted(None, 0)
    spread = max(variance, 0.0) ** 0.5 / weight
    by_user = ByUser(counted, which, all_users, len(labels), random / weight, spread)
    return Counted(total / weight, rows, by_user)


def _blocks(labels: Array, predictions: Array, users: Array) -> Iterator[_Groups]:
    """Yield the groups of users, block by block: a sort of all rows takes several times their memory."""
    starts = np.unique(np.sort(users)[::BLOCK])
    for place, first in enumerate(starts):
        inside = users >= first
        if place + 1 < len(starts):
            inside &= users < starts[place + 1]
        yield _groups(labels[inside], predictions[inside], users[inside])


def _groups(labels: Array, predictions: Array, users: Array) -> _Groups:
    order = np.lexsort((-predictions, users))
    labels, predictions, users = labels[order], predictions[order], users[order]
    starts_user = np.append(True, users[1:] != users[:-1])
    first = np.flatnonzero(starts_user | np.append(True, predictions[1:] != predictions[:-1]))
    begin, user = np.flatnonzero(starts_user), np.cumsum(starts_user[first]) - 1
    hits = np.add.reduceat(labels, first)
    return _Groups(
        user=user,
        place=first - begin[user],
        size=np.diff(first, append=len(users)),
        hits=hits,
        rows=np.diff(begin, append=len(users)),
        positives=np.bincount(user, weights=hits),
    )
