"""MAP, MRR and hit rate against slow definitions."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from automtl_metrics.first_rows import hit_at, map_at, mrr_at

SMALL = st.lists(st.tuples(st.booleans(), st.integers(-1, 1), st.integers(1, 2)), min_size=1, max_size=7)


def by_definition(labels, k):
    """Return MAP, MRR and hit rate at k of one user, whose rows are ranked."""
    places = np.flatnonzero(labels[:k]) + 1
    precisions = [labels[:place].sum() / place for place in places]
    first = 1 / places[0] if len(places) else 0.0
    return sum(precisions) / min(labels.sum(), k), first, float(len(places) > 0)


def expected(labels, predictions, k):
    """Return the means over all orders with falling predictions."""
    orders = [list(order) for order in permutations(range(len(labels)))]
    ranked = [labels[order] for order in orders if (np.diff(predictions[order]) <= 0).all()]
    return np.mean([by_definition(one, k) for one in ranked], axis=0)


@given(SMALL, st.integers(1, 8))
def test_they_are_means_over_the_orders_of_equal_predictions_and_over_users(rows, k):
    labels, predictions, users = (np.array(column, float) for column in zip(*rows, strict=True))
    each = [
        expected(labels[users == u], predictions[users == u], k)
        for u in set(users)
        if labels[users == u].any()
    ]
    for place, metric in enumerate((map_at, mrr_at, hit_at)):
        found = metric(k).compute(labels, predictions, users)
        if each:
            assert found.value == pytest.approx(np.mean(each, axis=0)[place], abs=1e-12)
            assert found.by_user.users == len(each)
        else:
            assert found == (None, 0, None)
