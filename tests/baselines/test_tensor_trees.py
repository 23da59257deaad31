"""Boosted trees as tensor operations predict as LightGBM."""

import numpy as np
import pytest
import torch

from automtl_baselines.tensor_trees import TensorTrees

lightgbm = pytest.importorskip(
    "lightgbm", reason="LightGBM is not installed: pip install 'automtl[boosting]'"
)


def columns(seed, rows=3000):
    """Return numbers, one of them often missing, a column of few categories, and one of up to 10,000."""
    draw = np.random.default_rng(seed)
    found = draw.standard_normal((rows, 5)).astype(np.float32)
    found[draw.random(rows) < 0.2, 0] = np.nan
    found[:, 1] = found[:, 1].round(1)  # so that many numbers are beside a threshold
    found[:, 3] = draw.integers(0, 40, rows)
    found[:, 4] = (40 * draw.pareto(0.5, rows)).clip(max=9999).astype(int)
    return found


def strange(seed):
    """Return columns with missing and infinite numbers, and with categories that no training row has."""
    found = columns(seed)
    for k, value in enumerate((np.nan, np.inf, -np.inf, 0.0)):
        found[k::11, :3] = value
    for k, value in enumerate((np.nan, -3, 41, 123_456)):
        found[k::13, 3:] = value
    return found


def trained(objective="binary", rounds=40, seed=0, width=5, **params):
    read = columns(seed)
    effects = np.random.default_rng(seed).standard_normal((2, 40))
    target = np.nan_to_num(read[:, 0], nan=2) + read[:, 1] + effects[0, read[:, 3].astype(int)]
    target += effects[1, read[:, 4].astype(int) % 40]
    labels = target > 0 if objective == "binary" else 100 + 3 * target
    chosen = {"objective": objective, "verbosity": -1, "num_threads": 1, "learning_rate": 0.2, **params}
    data = lightgbm.Dataset(read[:, :width], labels, categorical_feature=[*range(3, width)], params=chosen)
    return lightgbm.train(chosen, data, rounds)


def same(booster):
    """Check that all scores are the same for ordinary and strange columns; return the trees."""
    trees = TensorTrees([booster])
    for read in (columns(1), strange(2)):
        expected = booster.predict(read[:, : booster.num_feature()], raw_score=True)
        found = trees(torch.from_numpy(read))[:, 0].numpy()
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    return trees


@pytest.mark.parametrize("objective", ["binary", "regression", "regression_l1", "poisson"])
def test_missing_numbers_categories_and_regressions_are_read_as_by_lightgbm(objective):
    booster = trained(objective)
    same(booster)
    splits = booster.trees_to_dataframe().dropna(subset="split_feature")
    assert {("<=", "NaN"), ("<=", "None"), ("==", "None")} <= {
        *zip(splits.decision_type, splits.missing_type, strict=True)
    }


def test_deep_trees_are_walked_to_their_ends():
    assert same(trained(rounds=5, num_leaves=127, min_data_in_leaf=2)).steps > 12


def test_trees_may_read_the_first_columns_alone():
    assert not same(trained(width=3)).categorical


def test_tasks_are_side_by_side_and_one_without_trees_has_zeros():
    boosters, read = [trained(width=3), None, trained("regression", rounds=7)], columns(1)
    found = TensorTrees(boosters)(torch.from_numpy(read)).numpy()
    assert not found[:, 1].any()
    for t in (0, 2):
        expected = boosters[t].predict(read[:, : boosters[t].num_feature()], raw_score=True)
        assert found[:, t] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert not TensorTrees([None])(torch.from_numpy(read)).any()


def test_trees_of_one_leaf_are_constants():
    trees = same(trained("regression", rounds=3, min_data_in_leaf=3000))
    assert trees.steps == 0
    assert same(trained(rounds=30, min_data_in_leaf=1200)).steps < 4


def test_a_number_between_two_of_float32_is_compared_as_by_lightgbm():
    one = np.float32(1)
    read = np.array([np.nextafter(one, np.float32(k)) for k in (0, 2)] + [one] * 2, np.float32)
    rows = np.repeat(read, 50)[:, None]
    booster = lightgbm.train(
        {"objective": "regression", "verbosity": -1, "min_data_in_leaf": 1, "num_threads": 1},
        lightgbm.Dataset(rows, np.repeat([0, 1, 0, 0], 50)), 5)  # fmt: skip
    found = TensorTrees([booster])(torch.from_numpy(rows))[:, 0].numpy()
    assert found == pytest.approx(booster.predict(rows), rel=1e-12)
    assert found[50] > found[0] == found[150], "it tells the number from its neighbour"
