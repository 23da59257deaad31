"""The bootstrap, against closed forms and against doing it by hand."""

import numpy as np
import pytest

from automtl_comparison import resampling
from automtl_comparison.resampling import LEAST, MOST, resampled, resamples
from automtl_core.dataset.schema import Task
from automtl_core.training.measuring import task_metrics

CLICK = Task("click")
PRICE = Task("price", kind="regression", deviation=3.0)
NAN = np.nan


def alone(rows):
    return np.zeros(rows, np.int32)


def labelled(rows, rate=0.3, seed=0):
    """Return labels [R, 1] and two predictors of them, [R, 1], that have an error in common."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, 1)) < rate).astype(np.float32)
    common = rng.normal(size=(rows, 1)) + labels
    return labels, common, common + rng.normal(0, 0.4, (rows, 1))


def delong(labels, scores):
    """Return the influence of each row on the AUC, [R] (DeLong, DeLong and Clarke-Pearson 1988)."""
    positive = labels > 0
    above, below = scores[positive], scores[~positive]
    won = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    found = np.empty(len(labels))
    found[positive] = (won.mean(1) - won.mean()) / len(above)
    found[~positive] = (won.mean(0) - won.mean()) / len(below)
    return found


def by_hand(task, labels, predictions, units, seed):
    """Return the score of each resample by repeating rows."""
    names = np.where(units == 0, -1 - np.arange(len(units)), units)
    order = np.unique(names)
    order = np.concatenate([order[order > 0], order[order < 0][::-1]])
    groups = [np.flatnonzero(names == name) for name in order]
    found = []
    for number in range(resamples(len(units))):
        drawn = resampling._drawn(len(groups), seed, number)
        rows = np.concatenate([np.repeat(rows, times) for rows, times in zip(groups, drawn, strict=True)])
        found.append(task_metrics(task, labels[rows, 0], predictions[rows, 0]).score)
    return [NAN if score is None else score for score in found]


@pytest.mark.parametrize("units", [alone(60), np.arange(60, dtype=np.int32) % 7, np.arange(60).clip(0, 50)])
@pytest.mark.parametrize("task", [CLICK, PRICE], ids=lambda task: task.name)
def test_scores_are_those_of_repeated_rows(task, units, monkeypatch):
    monkeypatch.setattr(resampling, "BLOCK", 60 * 7)  # so that there are several blocks
    labels, one, _ = labelled(60)
    labels[::9] = NAN
    predictions = np.round(one, 1)  # with ties
    found = resampled([task], labels, predictions, units, 5)
    assert found.shape == (MOST, 1)
    assert found[:, 0] == pytest.approx(by_hand(task, labels, predictions, units, 5), nan_ok=True)


def test_standard_error_of_an_auc_and_of_a_difference_is_that_of_delong():
    labels, one, two = labelled(1500)
    both = np.hstack([one, two])
    found = resampled([CLICK, CLICK], np.hstack([labels, labels]), both, alone(1500), 0)
    first, second = (delong(labels[:, 0], scores) for scores in both.T)
    assert found[:, 0].std() == pytest.approx(np.sqrt((first**2).sum()), rel=0.07)
    error = np.sqrt(((first - second) ** 2).sum())
    assert (found[:, 0] - found[:, 1]).std() == pytest.approx(error, rel=0.07)
    assert error < 0.7 * found[:, 0].std(), "what both have in common is no part of it"


def test_users_are_drawn_whole():
    labels, one, _ = labelled(300)
    ten = np.repeat(np.arange(1, 301, dtype=np.int32), 10)
    repeated = [np.repeat(each, 10, axis=0) for each in (labels, one)]
    by_row = resampled([CLICK], *repeated, alone(3000), 0).std()
    by_user = resampled([CLICK], *repeated, ten, 0).std()
    assert by_user == pytest.approx(resampled([CLICK], labels, one, alone(300), 0).std(), rel=0.1)
    assert by_user > 2.5 * by_row, "ten equal rows of a user are one observation"


def test_other_models_have_the_same_draws_and_other_data_has_not():
    labels, one, two = labelled(200)
    given = ([CLICK], labels, one, alone(200))
    assert np.array_equal(resampled(*given, 1), resampled([CLICK], labels, 3 * one, alone(200), 1))
    assert not np.array_equal(resampled(*given, 1), resampled(*given, 2))
    beside = resampled([CLICK, CLICK], labels[:, [0, 0]], np.hstack([two, one]), alone(200), 1)
    assert np.array_equal(beside[:, 1:], resampled(*given, 1))


def test_a_resample_without_a_positive_has_no_auc():
    labels = np.array([[1.0], [0.0], [0.0]])
    found = resampled([CLICK], labels, labels, alone(3), 0)[:, 0]
    lost = np.isnan(found).mean()
    assert lost == pytest.approx((2 / 3) ** 3 + (1 / 3) ** 3, abs=0.05)
    assert set(found[~np.isnan(found)]) == {1.0}
    nowhere = np.full((3, 1), NAN)
    assert all(np.isnan(resampled([task], nowhere, labels, alone(3), 0)).all() for task in (CLICK, PRICE))


@pytest.mark.parametrize(("rows", "count"), [(1, MOST), (2_000_000, MOST), (4_000_000, 500), (10**9, LEAST)])
def test_large_parts_are_resampled_less_often(rows, count):
    assert resamples(rows) == count
