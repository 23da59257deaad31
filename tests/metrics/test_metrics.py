"""Metrics against slow definitions, and their properties."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.builtin import auc
from automtl_metrics import all_rows, rankings
from automtl_metrics.all_rows import average_precision, calibration_error, normalised_entropy
from automtl_metrics.first_rows import hit_at, map_at, mrr_at
from automtl_metrics.rankings import gauc, gauc_by_positives, ndcg_at, ndcg_of_all_at

REGISTRY = load_registry()


ROW = st.tuples(st.booleans(), st.integers(-2, 2), st.integers(1, 5))
ROWS = st.lists(ROW, min_size=1, max_size=40)
SMALL = st.lists(st.tuples(st.booleans(), st.integers(-1, 1), st.just(1)), min_size=1, max_size=5)


def arrays(rows):
    labels, predictions, users = zip(*rows, strict=True)
    return np.array(labels, float), np.array(predictions, float), np.array(users)


def drawn(rows, users, seed=0):
    """Return random rows, with many equal predictions."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, rows).astype(float)
    return labels, np.round(draw.normal(size=rows) + labels, 1), draw.integers(1, users + 1, rows)


@pytest.mark.parametrize("metric", [gauc, gauc_by_positives])
@given(rows=ROWS)
def test_gauc_is_the_mean_over_users_weighted_by_rows_or_positives(metric, rows):
    labels, predictions, users = arrays(rows)
    own = {user: users == user for user in set(users)}
    areas = {user: auc(labels[mine], predictions[mine]) for user, mine in own.items()}
    known = [user for user, area in areas.items() if area is not None]
    counts = [own[user].sum() for user in known]
    found = metric(labels, predictions, users)
    assert found.rows == sum(counts)
    assert (found.value is None) == (not known)
    if known:
        weights = counts if metric is gauc else [labels[own[user]].sum() for user in known]
        expected = np.average([areas[user] for user in known], weights=weights)
        assert found.value == pytest.approx(expected, abs=1e-12)
        about = found.by_user
        assert (about.users, about.all_users, about.rows) == (len(known), len(own), len(rows))


def expected_ndcg(labels, predictions, k):
    """Return the mean over all orders with falling predictions of DCG / ideal DCG, of one user."""
    gains = []
    for order in permutations(range(len(labels))):
        ranked = predictions[list(order)]
        if (np.diff(ranked) <= 0).all():
            top = labels[list(order)][:k]
            gains.append((top / np.log2(np.arange(len(top)) + 2)).sum())
    best = np.sort(labels)[::-1][:k]
    return np.mean(gains) / (best / np.log2(np.arange(len(best)) + 2)).sum()


@given(SMALL, st.integers(1, 6))
def test_ndcg_is_the_mean_over_the_orders_of_equal_predictions(rows, k):
    labels, predictions, users = arrays(rows)
    found = ndcg_at(k).compute(labels, predictions, users)
    if labels.any():
        assert found[:2] == (pytest.approx(expected_ndcg(labels, predictions, k), abs=1e-12), len(rows))
    else:
        assert found == (None, 0, None)


@given(ROWS, st.integers(1, 12))
def test_ndcg_is_the_plain_mean_over_users_with_a_positive_row(rows, k):
    labels, predictions, users = arrays(rows)
    of, all_rows = ndcg_at(k).compute, (labels, predictions, users)
    each = [of(*(a[users == user] for a in all_rows)) for user in set(users)]
    values, found = [value for value, *_ in each if value is not None], of(*all_rows)
    assert found.rows == sum(one.rows for one in each)
    assert (found.value is None) == (not values)
    if values:
        assert found.value == pytest.approx(np.mean(values), abs=1e-12)
        about = found.by_user
        assert (about.users, about.all_users, about.rows) == (len(values), len(set(users)), len(rows))


@given(ROWS, st.integers(1, 12))
def test_ndcg_of_all_counts_users_without_a_positive_row_as_0(rows, k):
    labels, predictions, users = arrays(rows)
    some, every = (of(k).compute(labels, predictions, users) for of in (ndcg_at, ndcg_of_all_at))
    count = some.by_user.users if some.by_user else 0
    assert every.value == pytest.approx((some.value or 0.0) * count / len(set(users)), abs=1e-12)
    assert every.rows == len(rows)


ALL = [gauc, gauc_by_positives, *(of(5).compute for of in (ndcg_at, ndcg_of_all_at, map_at, mrr_at, hit_at))]


@pytest.mark.parametrize("metric", ALL)
def test_the_order_of_rows_has_no_effect_down_to_the_last_bit(metric):
    labels, predictions, users = drawn(2000, 60)
    order = np.random.default_rng(1).permutation(2000)
    assert metric(labels, predictions, users) == metric(labels[order], predictions[order], users[order])


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("size", [1, 7, 500])
def test_blocks_of_users_have_no_effect(metric, size, monkeypatch):
    rows = drawn(2000, 60)
    whole = metric(*rows)
    monkeypatch.setattr(rankings, "BLOCK", size)
    value, counted, users = metric(*rows)
    assert (value, counted) == (pytest.approx(whole.value, abs=1e-12), whole.rows)
    assert vars(users) == pytest.approx(vars(whole.by_user), abs=1e-12)


EXACT = [gauc, gauc_by_positives, *(of(k).compute for of in (ndcg_at, ndcg_of_all_at) for k in (1, 4))]
BOUNDED = [of(k).compute for of in (map_at, mrr_at, hit_at) for k in (1, 4)]


@pytest.mark.parametrize("metric", [*EXACT, *BOUNDED])
def test_the_value_of_a_random_order_is_that_of_many_random_orders(metric):
    labels, _, users = drawn(60, 9)
    draw = np.random.default_rng(2)
    values = [metric(labels, draw.permutation(60) * 1.0, users).value for _ in range(4000)]
    found = metric(labels, np.zeros(60), users).by_user
    assert found.random == pytest.approx(np.mean(values), abs=0.005)
    if metric in EXACT:
        assert found.spread == pytest.approx(np.std(values), rel=0.05)
    else:
        assert np.std(values) < 1.05 * found.spread < 3 * np.std(values)


FEW = st.lists(st.tuples(st.booleans(), st.integers(-1, 1), st.integers(1, 2)), min_size=1, max_size=7)


def first_rows_by_definition(labels, k):
    """Return MAP, MRR and hit rate at k of one user, whose rows are ranked."""
    places = np.flatnonzero(labels[:k]) + 1
    precisions = [labels[:place].sum() / place for place in places]
    first = 1 / places[0] if len(places) else 0.0
    return sum(precisions) / min(labels.sum(), k), first, float(len(places) > 0)


def expected_first_rows(labels, predictions, k):
    """Return the means over all orders with falling predictions."""
    orders = [list(order) for order in permutations(range(len(labels)))]
    ranked = [labels[order] for order in orders if (np.diff(predictions[order]) <= 0).all()]
    return np.mean([first_rows_by_definition(one, k) for one in ranked], axis=0)


@given(FEW, st.integers(1, 8))
def test_they_are_means_over_the_orders_of_equal_predictions_and_over_users(rows, k):
    labels, predictions, users = (np.array(column, float) for column in zip(*rows, strict=True))
    each = [
        expected_first_rows(labels[users == u], predictions[users == u], k)
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


PAIRS = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=40)


def by_definition(labels, predictions):
    """Return the sum over thresholds of precision times the increase of recall, threshold by threshold."""
    area, recall = 0.0, 0.0
    for threshold in sorted(set(predictions), reverse=True):
        above = predictions >= threshold
        hits = labels[above].sum()
        area += hits / above.sum() * (hits / labels.sum() - recall)
        recall = hits / labels.sum()
    return area


@pytest.mark.parametrize("size", [1, 7, all_rows.CHUNK])
@given(rows=PAIRS)
def test_it_is_the_sum_over_thresholds(size, rows):
    labels, predictions = (np.array(column, float) for column in zip(*rows, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_rows, "CHUNK", size)
        found = average_precision(labels, predictions)
    if labels.any():
        assert found == pytest.approx(by_definition(labels, predictions), abs=1e-12)
    else:
        assert found is None


def test_normalised_entropy_is_1_for_the_share_and_lower_for_what_tells_more():
    labels = np.array([1.0, 0, 0, 0])
    assert normalised_entropy(labels, np.full(4, np.log(1 / 3))) == pytest.approx(1)
    losses = np.array([np.log1p(np.exp(-2)), *[np.log1p(np.exp(-1))] * 3])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert normalised_entropy(labels, np.array([2.0, -1, -1, -1])) == pytest.approx(losses.mean() / entropy)
    assert normalised_entropy(np.ones(3), np.zeros(3)) is None


def test_calibration_error_is_the_mean_gap_of_bins():
    chances = np.repeat(np.arange(1, 21) / 21, 50)  # a bin for each value
    logits, draw = np.log(chances / (1 - chances)), np.random.default_rng(0)
    labels = (draw.random(1000) < chances).astype(float)
    gaps = [abs(labels[chances == c].mean() - c) for c in np.unique(chances)]
    assert calibration_error(labels, logits) == pytest.approx(np.mean(gaps))
    order = draw.permutation(1000)
    assert calibration_error(labels[order], logits[order]) == calibration_error(labels, logits)
    assert calibration_error(np.ones(3), np.zeros(3)) == pytest.approx(0.5)
