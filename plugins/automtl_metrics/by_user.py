"""Metrics of the ranking of each user's rows, averaged over users.

Users are those of the raw data: all users of new rows and of test rows count, whether or not their id is in
the vocabulary. Rows without a user are left out.

A feed ranks the rows of one user. An AUC over all rows also rewards a model that knows which users click
more often. Where predictions for a user are equal, all orders of these rows count alike, so the order of the
rows in the data has no effect.

Letters: R rows, U users, G groups of rows of one user with equal predictions.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.training.metric import Counted, Metric

Array = NDArray[Any]


class _Ranked(NamedTuple):
    """Rows by user, and by falling prediction within a user."""

    user: Array
    """Number of the user of each row, from 0 on, [R]."""
    place: Array
    """Place of each row among those of its user, from 0 on, [R]."""
    group: Array
    """Number of the group of each row, from 0 on, [R]."""
    first: Array
    """First row of each group, [G]."""
    size: Array
    """Rows of each group, [G]."""
    hits: Array
    """Positive rows of each group, [G]."""
    rows: Array
    """Rows of each user, [U]."""
    positives: Array
    """Positive rows of each user, [U]."""


def gauc(labels: Array, predictions: Array, users: Array) -> Counted:
    """GAUC: AUC within each user, averaged over users with rows of both classes, weighted by their rows.

    Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018, section 6.2; a row is an
    impression. A positive and a negative row with equal predictions count half.

    Args:
        labels: [R], zeros and ones.
        predictions: [R]; higher means more likely.
        users: User of each row, [R].

    Returns:
        The value, and the number of rows of users with both classes.

    """
    ranked = _ranked(labels, predictions, users)
    positives, negatives = ranked.positives, ranked.rows - ranked.positives
    counting = (positives > 0) & (negatives > 0)
    if not counting.any():
        return Counted(None, 0)
    above = ranked.place[ranked.first] + (ranked.size - 1) / 2  # rows above one of a group, ties half
    above_positives = np.bincount(ranked.user[ranked.first], weights=ranked.hits * above)
    wrong = above_positives - positives * (positives - 1) / 2  # pairs with the negative row above
    areas = 1 - wrong[counting] / (positives * negatives)[counting]
    rows = ranked.rows[counting]
    return Counted(float(areas @ rows / rows.sum()), int(rows.sum()))


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
        The value, and the number of rows of users with a positive row.

    """
    ranked = _ranked(labels, predictions, users)
    counting = ranked.positives > 0
    if not counting.any():
        return Counted(None, 0)
    places = np.arange(ranked.rows.max())
    discounts = np.where(places < k, 1 / np.log2(places + 2), 0.0)
    relevance = (ranked.hits / ranked.size)[ranked.group]
    gained = np.bincount(ranked.user, weights=relevance * discounts[ranked.place])
    ideal = np.cumsum(discounts)[ranked.positives[counting].astype(np.int64) - 1]
    rows = ranked.rows[counting]
    return Counted(float(np.mean(gained[counting] / ideal)), int(rows.sum()))


def ndcg_at(number: int) -> Metric:
    """NDCG@k: discounted positive rows among the first k of a user, averaged over users with any."""
    return Metric(
        f"NDCG@{number}",
        partial(ndcg, k=number),
        needs_users=True,
        undefined="no row of a known user is positive",
    )


GAUC = Metric("GAUC", gauc, needs_users=True, undefined="no user has rows of both classes")


def _ranked(labels: Array, predictions: Array, users: Array) -> _Ranked:
    order = np.lexsort((-predictions, users))
    labels, predictions, users = labels[order], predictions[order], users[order]
    starts_user = np.append(True, users[1:] != users[:-1])
    starts_group = starts_user | np.append(True, predictions[1:] != predictions[:-1])
    user, group = np.cumsum(starts_user) - 1, np.cumsum(starts_group) - 1
    begin, first = np.flatnonzero(starts_user), np.flatnonzero(starts_group)
    return _Ranked(
        user=user,
        place=np.arange(len(users)) - begin[user],
        group=group,
        first=first,
        size=np.diff(first, append=len(users)),
        hits=np.add.reduceat(labels, first),
        rows=np.diff(begin, append=len(users)),
        positives=np.add.reduceat(labels, begin),
    )
