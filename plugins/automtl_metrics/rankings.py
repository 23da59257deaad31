"""Metrics of rankings: GAUC and NDCG of each user's rows, averaged over users.

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


class Groups(NamedTuple):
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


class Sums(NamedTuple):
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


def gauc(labels: Array, predictions: Array, users: Array, by_positives: bool = False) -> Counted:
    """GAUC: AUC within each user, averaged over users with rows of both classes, weighted by their rows.

    Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018, section 6.2; a row is an
    impression. A positive and a negative row with equal predictions count half.

    Args:
        labels: [R], zeros and ones.
        predictions: [R]; higher means more likely.
        users: User of each row, [R].
        by_positives: Whether the weight of a user is the number of positive rows.

    Returns:
        The value, the number of rows of users with both classes, and these users. The variance of the AUC of
        a random order is that of the rank sum (Mann and Whitney 1947).

    """

    def of_block(groups: Groups) -> Sums:
        positives, negatives = groups.positives, groups.rows - groups.positives
        counting = (positives > 0) & (negatives > 0)
        above = groups.place + (groups.size - 1) / 2  # rows above one of a group, ties half
        above_positives = np.bincount(groups.user, weights=groups.hits * above)
        wrong = above_positives - positives * (positives - 1) / 2  # pairs with the negative row above
        pairs, rows = (positives * negatives)[counting], groups.rows[counting]
        weights = positives[counting] if by_positives else rows
        total, weight = float((1 - wrong[counting] / pairs) @ weights), float(weights.sum())
        variance = float(weights**2 @ ((rows + 1) / (12 * pairs)))
        return Sums(total, weight, weight / 2, variance, len(rows), int(rows.sum()))

    return averaged(labels, predictions, users, "with rows of both classes", of_block)


def gauc_by_positives(labels: Array, predictions: Array, users: Array) -> Counted:
    """GAUC by positives: AUC within each user, weighted by the positive rows of the user; see `gauc`."""
    return gauc(labels, predictions, users, by_positives=True)


def ndcg(labels: Array, predictions: Array, users: Array, k: int, everyone: bool = False) -> Counted:
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
        everyone: Whether users without a positive row count too, with the value 0.

    Returns:
        The value, the number of rows of the users who count, and these users.

    """

    def of_block(groups: Groups) -> Sums:
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
        count = len(groups.rows) if everyone else len(rows)
        rows_of_users = int((groups.rows if everyone else rows).sum())
        return Sums(float(np.sum(gained[counting] / ideal)), count, random, variance, count, rows_of_users)

    return averaged(labels, predictions, users, "with a row" if everyone else "with a positive row", of_block)


def ndcg_at(number: int) -> Metric:
    """NDCG@k: discounted positive rows among the first k of a user, averaged over users with any."""
    return Metric(
        f"NDCG@{number}",
        partial(ndcg, k=number),
        needs_users=True,
        undefined="no row of a known user is positive",
    )


def ndcg_of_all_at(number: int) -> Metric:
    """NDCG@k over all users; a user without a positive row counts with 0."""
    compute = partial(ndcg, k=number, everyone=True)
    return Metric(f"NDCG@{number} of all", compute, needs_users=True)


GAUC_BY_POSITIVES = Metric(
    "GAUC by positives", gauc_by_positives, needs_users=True, undefined="no user has rows of both classes"
)
GAUC = Metric("GAUC", gauc, needs_users=True, undefined="no user has rows of both classes")


def averaged(
    labels: Array, predictions: Array, users: Array, which: str, of_block: Callable[[Groups], Sums]
) -> Counted:
    """Return the weighted mean over users; `which` says in words which users count."""
    all_users, blocks = 0, [Sums(0.0, 0, 0.0, 0.0, 0, 0)]
    for groups in _blocks(labels, predictions, users):
        blocks.append(of_block(groups))
        all_users += len(groups.rows)
    total, weight, random, variance, counted, rows = (sum(column) for column in zip(*blocks, strict=True))
    if not weight:
        return Counted(None, 0)
    spread = max(variance, 0.0) ** 0.5 / weight
    by_user = ByUser(counted, which, all_users, len(labels), random / weight, spread)
    return Counted(total / weight, rows, by_user)


def _blocks(labels: Array, predictions: Array, users: Array) -> Iterator[Groups]:
    """Yield the groups of users, block by block: a sort of all rows takes several times their memory."""
    starts = np.unique(np.sort(users)[::BLOCK])
    for place, first in enumerate(starts):
        inside = users >= first
        if place + 1 < len(starts):
            inside &= users < starts[place + 1]
        yield _groups(labels[inside], predictions[inside], users[inside])


def _groups(labels: Array, predictions: Array, users: Array) -> Groups:
    order = np.lexsort((-predictions, users))
    labels, predictions, users = labels[order], predictions[order], users[order]
    starts_user = np.append(True, users[1:] != users[:-1])
    first = np.flatnonzero(starts_user | np.append(True, predictions[1:] != predictions[:-1]))
    begin, user = np.flatnonzero(starts_user), np.cumsum(starts_user[first]) - 1
    hits = np.add.reduceat(labels, first)
    return Groups(
        user=user,
        place=first - begin[user],
        size=np.diff(first, append=len(users)),
        hits=hits,
        rows=np.diff(begin, append=len(users)),
        positives=np.bincount(user, weights=hits),
    )
