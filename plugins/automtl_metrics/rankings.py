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
POSITIVE = "with a positive row"
"""Users that count, in words."""
ONE_CLASS, NO_POSITIVE = "no user has rows of both classes", "no row of a known user is positive"
"""Reasons for an undefined value."""


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


class Values(NamedTuple):
    """The value of each user, [U] each; a user who does not count has weight 0."""

    values: Array
    weights: Array
    random: Array
    """Expected value if the rows of the user are in a random order."""
    variance: Array
    """Variance of the value for a random order."""


OfUsers = Callable[[Groups], Values]


def auc_of_users(groups: Groups, by_positives: bool = False) -> Values:
    """Return the AUC within each user, weighted by rows or by positive rows, for users with both classes.

    The variance for a random order is that of the rank sum (Mann and Whitney 1947).
    """
    positives, negatives = groups.positives, groups.rows - groups.positives
    pairs = positives * negatives
    above = groups.place + (groups.size - 1) / 2  # rows above one of a group, ties half
    above_positives = np.bincount(groups.user, weights=groups.hits * above)
    wrong = above_positives - positives * (positives - 1) / 2  # pairs with the negative row above
    weights = np.where(pairs > 0, positives if by_positives else groups.rows, 0)
    some = np.maximum(pairs, 1)
    half = np.full(len(pairs), 0.5)
    return Values(1 - wrong / some, weights, half, (groups.rows + 1) / (12 * some))


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
        The value, the number of rows of users with both classes, and these users.

    """
    of_users = partial(auc_of_users, by_positives=by_positives)
    return averaged(labels, predictions, users, "with rows of both classes", of_users)


def gauc_by_positives(labels: Array, predictions: Array, users: Array) -> Counted:
    """GAUC by positives: AUC within each user, weighted by the positive rows of the user; see `gauc`."""
    return gauc(labels, predictions, users, by_positives=True)


def ndcg_of_users(groups: Groups, k: int, everyone: bool = False) -> Values:
    """Return NDCG at k with binary relevance of each user, [U].

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; the row at place i
    is discounted by log2(i + 1). Rows with equal predictions have their mean relevance, the expectation over
    their orders (McSherry and Najork, "Computing information retrieval performance measures efficiently in
    the presence of tied scores", ECIR 2008).

    Args:
        groups: The rows of users.
        k: Number of places that count.
        everyone: Whether users without a positive row count too, with the value 0.

    """
    last = min(k, int(groups.rows.max()))
    discounts = 1 / np.log2(np.arange(last) + 2)
    gains, squares = (np.append(0.0, np.cumsum(discounts**n)) for n in (1, 2))  # of the first n places
    begin, end = (np.minimum(place, last) for place in (groups.place, groups.place + groups.size))
    gained = np.bincount(groups.user, weights=groups.hits / groups.size * (gains[end] - gains[begin]))
    rows, positives = groups.rows, groups.positives
    ideal = gains[np.minimum(np.maximum(positives, 1).astype(np.int64), last)]
    share, places = positives / rows, np.minimum(rows, last)
    apart = squares[places] - gains[places] ** 2 / rows  # drawn without replacement
    variance = share * (1 - share) * rows / np.maximum(rows - 1, 1) * apart / ideal**2
    weights = np.where(positives > 0, 1.0, float(everyone))
    return Values(gained / ideal, weights, share * gains[places] / ideal, variance)


def ranking(
    title: str, which: str, of_users: OfUsers, undefined: str = "it is undefined for these rows"
) -> Metric:
    """Return the mean of a value of each user, see `Metric`; `which` as in `averaged`."""
    compute, terms = partial(averaged, which=which, of_users=of_users), partial(terms_of, of_users=of_users)
    return Metric(title, compute, needs_users=True, undefined=undefined, terms=terms)


def ndcg_at(number: int) -> Metric:
    """NDCG@k: discounted positive rows among the first k of a user, averaged over users with any."""
    return ranking(f"NDCG@{number}", POSITIVE, partial(ndcg_of_users, k=number), NO_POSITIVE)


def ndcg_of_all_at(number: int) -> Metric:
    """NDCG@k over all users; a user without a positive row counts with 0."""
    of_users = partial(ndcg_of_users, k=number, everyone=True)
    return ranking(f"NDCG@{number} of all", "with a row", of_users)


def averaged(labels: Array, predictions: Array, users: Array, which: str, of_users: OfUsers) -> Counted:
    """Return the weighted mean over users; `which` says in words which users count."""
    sums, all_users, counting, rows = np.zeros(4), 0, 0, 0
    for _, groups in _blocks(labels, predictions, users):
        values, weights, random, variance = of_users(groups)
        sums += [values @ weights, weights.sum(), random @ weights, variance @ weights**2]
        all_users, counting = all_users + len(groups.rows), counting + int((weights > 0).sum())
        rows += int(groups.rows[weights > 0].sum())
    total, weight, of_random, of_variance = sums.tolist()
    if not weight:
        return Counted(None, 0)
    spread = max(of_variance, 0.0) ** 0.5 / weight
    by_user = ByUser(counting, which, all_users, len(labels), of_random / weight, spread)
    return Counted(total / weight, rows, by_user)


def terms_of(labels: Array, predictions: Array, users: Array, of_users: OfUsers) -> tuple[Array, Array]:
    """Return the value of each user times the weight, and the weight, at the first row of the user, [R]."""
    gains, weights = np.zeros((2, len(labels)))
    for places, groups in _blocks(labels, predictions, users):
        found = of_users(groups)
        first = np.minimum.reduceat(places, np.cumsum(groups.rows) - groups.rows)
        gains[first], weights[first] = found.values * found.weights, found.weights
    return gains, weights


def _blocks(labels: Array, predictions: Array, users: Array) -> Iterator[tuple[Array, Groups]]:
    """Yield the rows of some users, sorted by user, and their groups, block by block.

    A sort of all rows takes several times their memory.
    """
    starts = np.unique(np.sort(users)[::BLOCK])
    for place, first in enumerate(starts):
        inside = users >= first
        if place + 1 < len(starts):
            inside &= users < starts[place + 1]
        places = np.flatnonzero(inside)
        order, groups = _groups(labels[places], predictions[places], users[places])
        yield places[order], groups


def _groups(labels: Array, predictions: Array, users: Array) -> tuple[Array, Groups]:
    order = np.lexsort((-predictions, users))
    labels, predictions, users = labels[order], predictions[order], users[order]
    starts_user = np.append(True, users[1:] != users[:-1])
    first = np.flatnonzero(starts_user | np.append(True, predictions[1:] != predictions[:-1]))
    begin, user = np.flatnonzero(starts_user), np.cumsum(starts_user[first]) - 1
    hits = np.add.reduceat(labels, first)
    return order, Groups(
        user=user,
        place=first - begin[user],
        size=np.diff(first, append=len(users)),
        hits=hits,
        rows=np.diff(begin, append=len(users)),
        positives=np.bincount(user, weights=hits),
    )


def _gauc(title: str, compute: Callable[..., Counted], by_positives: bool) -> Metric:
    terms = partial(terms_of, of_users=partial(auc_of_users, by_positives=by_positives))
    return Metric(title, compute, needs_users=True, undefined=ONE_CLASS, terms=terms)


GAUC_BY_POSITIVES = _gauc("GAUC by positives", gauc_by_positives, True)
GAUC = _gauc("GAUC", gauc, False)
