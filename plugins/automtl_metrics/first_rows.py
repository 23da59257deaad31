"""Metrics of the first k rows of each user, averaged over users: MAP, MRR and hit rate.

Rows with equal predictions count as the mean over their orders (McSherry and Najork, "Computing information
retrieval performance measures efficiently in the presence of tied scores", ECIR 2008).

Letters: R rows, U users.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from automtl_core.plugin import Metric
from automtl_metrics.rankings import NO_POSITIVE, POSITIVE, Array, Groups, Values, ranking


class Expected(NamedTuple):
    """Expected values for each user over the orders of rows with equal predictions, [U] each."""

    precisions: Array
    """Sum of the precisions at those of the first k places that hold a positive row."""
    reciprocal: Array
    """1 / place of the first positive row, 0 if it is not among the first k."""
    hit: Array
    """Probability of a positive row among the first k."""


def first_rows(groups: Groups, k: int) -> Expected:
    """Return what the first k places of each user are expected to hold, place by place."""
    users = len(groups.rows)
    sums = np.cumsum(groups.hits)
    of_user = np.append(0.0, np.cumsum(groups.positives))[groups.user]
    before = sums - groups.hits - of_user  # positive rows of the user before the group
    precisions, reciprocal, none = np.zeros(users), np.zeros(users), np.ones(users)
    for place in range(min(k, int(groups.rows.max(initial=0)))):
        here = np.flatnonzero((groups.place <= place) & (place < groups.place + groups.size))
        user, hits, size = groups.user[here], groups.hits[here], groups.size[here]
        inside = place - groups.place[here]  # rows of the group at earlier places
        likely = hits / size
        found = before[here] + 1 + inside * (hits - 1) / np.maximum(size - 1, 1)
        precisions[user] += likely * found / (place + 1)
        first = none[user] * np.minimum(hits / (size - inside), 1.0)
        reciprocal[user] += first / (place + 1)
        none[user] -= first
    return Expected(precisions, reciprocal, 1 - none)


def of_users(groups: Groups, k: int, value: Callable[[Expected, Array], Array]) -> Values:
    """Return the value of each user with a positive row.

    Args:
        groups: The rows of users.
        k: Number of places that count.
        value: Returns the value of each user, from 0 to 1, for the ideal number of hits: the number of
            positive rows, at most k, [U].

    Returns:
        The values. The variance of a random order is at most that of values of 0 and 1 with the same mean.

    """
    ideal = np.minimum(np.maximum(groups.positives, 1), k)
    one = np.zeros(len(groups.rows), np.int64)
    tied = groups._replace(user=np.arange(len(one)), place=one, size=groups.rows, hits=groups.positives)
    found, random = (value(first_rows(each, k), ideal) for each in (groups, tied))
    weights = np.where(groups.positives > 0, 1.0, 0.0)
    return Values(found, weights, random, random * (1 - random))


def _metric(title: str, k: int, value: Callable[[Expected, Array], Array]) -> Metric:
    by_user = partial(of_users, k=k, value=value)
    return ranking(f"{title}@{k}", POSITIVE, by_user, NO_POSITIVE)


def map_at(number: int) -> Metric:
    """MAP@k: mean precision at the positive rows among the first k of a user, over users with any."""
    return _metric("MAP", number, lambda expected, ideal: expected.precisions / ideal)


def mrr_at(number: int) -> Metric:
    """MRR@k: 1 / place of the first positive row of a user, 0 beyond k, averaged over users with any."""
    return _metric("MRR", number, lambda expected, _: expected.reciprocal)


def hit_at(number: int) -> Metric:
    """hit@k: share of the users with a positive row who have one among the first k."""
    return _metric("hit", number, lambda expected, _: expected.hit)
