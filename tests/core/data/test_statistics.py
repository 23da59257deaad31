"""Target statistics: by hand, out of fold, and without a leak."""

import math

import numpy as np
import pytest

from automtl_core.data import statistics
from automtl_core.data.part import Bags, Part
from automtl_core.data.statistics import crossed, folds_of, periods_of
from automtl_core.dataset.encodings import FOLDS, SMOOTHING, plain
from automtl_core.dataset.schema import Schema, SparseField, Task

CLICK = Task("click")


def fit(rows, fold, field, *others, task=CLICK, **encodings):
    schema = Schema(
        (field, *others), (), (task,), plain().with_answers(**{"statistics": "folds", **encodings})
    )
    return statistics.fit(rows, fold, schema, schema.crosses() or schema.sparse)


def part(ids, labels, bags=None):
    ids, labels = np.asarray(ids, np.int32), np.asarray(labels, np.float32)
    return Part(ids, np.zeros((len(ids), 0), np.float32), labels, bags or {})


def unscaled(monkeypatch):
    """Look at the numbers before they are standardised."""
    monkeypatch.setattr(statistics, "_standardised", lambda column, rows: column)


def test_folds_follow_from_the_seed_and_are_of_one_size():
    folds = folds_of(50_000, 7)
    assert np.array_equal(folds, folds_of(50_000, 7))
    assert np.array_equal(folds[:100], folds_of(100, 7))
    assert (folds != folds_of(50_000, 8)).mean() > 0.7
    counts = np.bincount(folds)
    assert len(counts) == FOLDS
    assert np.abs(counts - 10_000).max() < 500


def test_a_value_tells_the_odds_of_the_rows_that_have_it(monkeypatch):
    unscaled(monkeypatch)
    # value 1 in three rows, of which two are clicked; value 2 in one row, whose label is missing
    rows = part([[1], [1], [1], [2], [0]], [[1.0], [1.0], [0.0], [np.nan], [0.0]])
    folds = np.array([0, 1, 1, 2, 3], np.int8)
    tables = fit(rows, folds, SparseField("user", 4))
    prior = 2 / 4

    def odds(positives, known):
        p = (positives + SMOOTHING * prior) / (known + SMOOTHING)
        return math.log(p / (1 - p)) - math.log(prior / (1 - prior))

    assert tables.shape == (FOLDS + 1, 4, 2)
    assert tables[FOLDS, 1].tolist() == pytest.approx([odds(2, 3), math.log(4)])
    assert tables[0, 1].tolist() == pytest.approx([odds(1, 2), math.log(1 + 2 * 5 / 4)])
    assert tables[1, 1].tolist() == pytest.approx([odds(1, 1), math.log(1 + 1 * 5 / 3)])
    assert tables[FOLDS, 2].tolist() == pytest.approx([0, math.log(2)]), "its label is not known"
    assert tables[2, 2].tolist() == [0, 0], "the only row with it is in this fold"
    assert tables[FOLDS, 3].tolist() == [0, 0]


def test_a_regression_tells_the_mean(monkeypatch):
    unscaled(monkeypatch)
    rows = part([[1], [1], [0]], [[3.0], [1.0], [-1.0]])
    tables = fit(
        rows, np.array([0, 1, 2], np.int8), SparseField("user", 2), task=Task("price", kind="regression")
    )
    assert tables[FOLDS, 1, 0] == pytest.approx((4 + SMOOTHING * 1) / (2 + SMOOTHING) - 1)


def test_each_value_of_a_bag_counts_for_the_rows_that_hold_it(monkeypatch):
    unscaled(monkeypatch)
    monkeypatch.setattr(statistics, "CHUNK", 2)
    # bag 1 holds 1 and 2, bag 2 holds 2, bag 0 nothing
    bags = {0: Bags(np.array([0, 0, 2, 3]), np.array([1, 2, 2], np.int32))}
    rows = part([[1], [2], [0], [1]], [[1.0], [0.0], [1.0], [1.0]], bags)
    tables = fit(rows, np.zeros(4, np.int8), SparseField("tags", 3, "bag"))
    assert np.expm1(tables[FOLDS, :, 1]).tolist() == pytest.approx([0, 2, 3])
    assert tables[FOLDS, 1, 0] > tables[FOLDS, 2, 0]


def test_numbers_are_standardised_over_training_rows():
    random = np.random.default_rng(0)
    ids = 1 + (19 * random.random((2000, 2)) ** 3).astype(int)
    labels = random.random((2000, 1)) < ids[:, 1:] / 20
    folds = folds_of(2000, 0)
    tables = fit(part(ids, labels), folds, SparseField("a", 20), SparseField("b", 20))
    seen = tables[folds.astype(int), ids[:, 1] + 20]  # of field b
    assert seen.mean(0) == pytest.approx([0, 0], abs=1e-4)
    assert seen.std(0) == pytest.approx([1, 1], abs=1e-4)


def test_fields_that_tell_nothing_about_new_rows_are_not_made_large():
    labels = np.random.default_rng(0).integers(2, size=(5000, 1))
    ids, folds = np.ones((5000, 1)), folds_of(5000, 0)
    tables = fit(part(ids, labels), folds, SparseField("same", 2))
    assert np.abs(tables[:, 1]).max() < 0.5, "folds differ by chance, and that is not made large"
    ids, labels = np.arange(1, 501)[:, None], np.random.default_rng(0).integers(2, size=(500, 1))
    folds = folds_of(500, 0)
    tables = fit(part(ids, labels), folds, SparseField("row", 501))
    seen = tables[folds.astype(int), ids[:, 0]]
    assert not seen.any()


def test_rows_do_not_see_their_own_label_and_without_folds_they_would():
    random = np.random.default_rng(0)
    ids, labels = random.integers(1, 400, (3000, 1)), random.integers(2, size=(3000, 1))  # of chance
    folds = folds_of(3000, 0)
    tables = fit(part(ids, labels), folds, SparseField("user", 400))

    def apart(told):
        return told[labels[:, 0] == 1].mean() - told[labels[:, 0] == 0].mean()

    assert abs(apart(tables[folds.astype(int), ids[:, 0], 0])) < 0.15
    assert apart(tables[FOLDS, ids[:, 0], 0]) > 0.4


def test_periods_are_of_one_size_and_keep_rows_of_one_time_together():
    times = np.array([5, 5, 5, 1, 2, 3, 9, 8, 7, 6], np.int32)
    assert periods_of(times).tolist() == [2, 2, 2, 0, 0, 1, 4, 4, 3, 3]
    assert periods_of(np.arange(10, dtype=np.int32)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_rows_of_a_period_see_the_periods_before(monkeypatch):
    unscaled(monkeypatch)
    monkeypatch.setattr(statistics, "FOLDS", 4)
    rows = part([[1]] * 4, [[1.0], [0.0], [0.0], [1.0]])
    tables = fit(rows, np.array([0, 1, 2, 3], np.int8), SparseField("user", 2), statistics="earlier")
    p = [(s + SMOOTHING / 2) / (n + SMOOTHING) for s, n in ((0, 0), (1, 1), (1, 2), (1, 3), (2, 4))]
    assert tables[:, 1, 0].tolist() == pytest.approx([math.log(each / (1 - each)) for each in p])
    counts = [0, 1 * 4, 2 * 4 / 2, 3 * 4 / 3, 4]  # as if all rows had been seen
    assert np.expm1(tables[:, 1, 1]).tolist() == pytest.approx(counts)


def test_a_pair_tells_of_rows_with_both_values(monkeypatch):
    unscaled(monkeypatch)
    rows = part([[1, 0, 2], [1, 1, 2], [2, 0, 2], [1, 2, 0]], [[1.0], [0.0], [0.0], [1.0]])
    fields = SparseField("a", 3), SparseField("b", 4), SparseField("c", 3)
    tables = fit(rows, np.zeros(4, np.int8), *fields, crosses=(("a", "c"),))
    assert tables.shape == (FOLDS + 1, 9, 2)
    counts = np.expm1(tables[FOLDS, :, 1]).reshape(3, 3)
    assert np.round(counts).tolist() == [[0, 0, 0], [1, 0, 2], [0, 0, 1]]


def test_pairs_beyond_room_share_ids_evenly():
    fields = SparseField("a", 4096), SparseField("b", 1024)
    (cross,) = Schema(fields, (), (CLICK,), plain().with_answers(crosses=(("a", "b"),))).crosses()
    random = np.random.default_rng(0)
    rows = part(np.stack([random.integers(4096, size=50_000), random.integers(1024, size=50_000)], 1),
                np.zeros((50_000, 1)))  # fmt: skip
    ids = crossed(rows, cross)
    assert ids.max() < cross.size
    expected = cross.size * (1 - np.exp(-50_000 / cross.size))
    assert len(np.unique(ids)) > 0.98 * expected
