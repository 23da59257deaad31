import numpy as np
import pandas as pd
import pytest

from automtl_datasets.synthetic.numbers import SHAPES, TAILS, Numbers


@pytest.fixture(scope="module")
def frame():
    return Numbers(0, 50_000).frame()


def test_shapes_are_no_lines():
    x = np.random.default_rng(0).standard_normal(10_000)
    for name, shape in SHAPES.items():
        line = np.corrcoef(x, shape(x))[0, 1]
        assert np.isfinite(shape(x)).all()
        assert abs(line) < 0.85, name


def test_a_valley_is_high_at_both_ends_and_a_step_at_one(frame):
    rates = frame.groupby(pd.qcut(frame["age"], 5, labels=False))[["click", "cancel"]].mean()
    assert rates["click"][[0, 4]].min() > rates["click"][2] + 0.1
    assert rates["cancel"][4] > rates["cancel"][0] + 0.1
    assert abs(rates["cancel"][1] - rates["cancel"][0]) < 0.04


def test_a_product_counts_and_not_its_factors(frame):
    for task, product, (one, two) in (
        ("click", 0.1, ("discount", "visits")),
        ("cancel", 0.08, ("weight", "height")),
    ):
        assert np.corrcoef(frame[one] * frame[two], frame[task])[0, 1] > product
        assert abs(np.corrcoef(frame[two], frame[task])[0, 1]) < 0.02


def test_some_numbers_have_long_tails(frame):
    skewed = {field for field in Numbers.numbers if frame[field].skew() > 3}
    assert skewed == set(TAILS)
    assert frame["noise_steps"].nunique() < 12
