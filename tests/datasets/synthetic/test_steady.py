import hashlib

import numpy as np
import pandas as pd
import pytest

from automtl_datasets.synthetic.steady import SHAPES, Factors, Numbers, Pairs, Rare


@pytest.fixture(scope="module")
def frame():
    return Pairs(0, Pairs.rows).frame()


def test_shared_fields_pull_the_groups_apart(frame):
    rates = frame.groupby("appeal")[list(Pairs.tasks())].mean().corr()
    assert rates.loc["click", "like"] > 0.9
    assert rates.loc["skip", "hide"] > 0.9
    assert rates.loc["click", "skip"] < -0.9
    assert frame["dense_signal"].corr(frame["click"]) > 0.1
    assert frame["dense_signal"].corr(frame["skip"]) < -0.1


def test_rows_are_those_of_every_version():
    text = Pairs(1, 3000).frame().to_csv(index=False, float_format="%.6g")
    digest = "e6decc901134ac85b3522af1e80e533736365370f04b20ecd773f866343019af"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@pytest.fixture(scope="module")
def kind():
    return Factors(0, 20_000)


def test_a_user_has_one_segment_and_an_item_one_genre(kind):
    frame = kind.frame()
    for owner, field in (("user_id", "segment"), ("item_id", "genre")):
        assert (frame.groupby(owner)[field].nunique() == 1).all()
        assert frame[field].nunique() == Factors.ids[field].values


def test_products_have_their_rank_and_deviation(kind):
    """The matrix of users x items has as many singular values as the group reads dimensions."""
    users, items = np.meshgrid(np.arange(40), np.arange(30), indexing="ij")
    everyone = {"user_id": users.ravel(), "item_id": items.ravel()}
    for group, weights in Factors.constants["read"].items():
        taste = kind.together(("user_id", "item_id"), group, everyone).reshape(40, 30)
        assert np.linalg.matrix_rank(taste) == np.count_nonzero(weights) < 6
        drawn = kind.draw()
        assert kind.together(("user_id", "item_id"), group, drawn).std() == pytest.approx(1, abs=0.1)


def test_groups_share_dimensions_and_conflict(kind):
    drawn = kind.draw()
    taste, regret = (kind.together(("user_id", "item_id"), group, drawn) for group in Factors.groups)
    assert np.corrcoef(taste, regret)[0, 1] == pytest.approx(-1 / 2, abs=0.1)
    labels = kind.frame()[[*Factors.tasks()]].corr()
    assert labels.loc["click", "like"] > 0.2
    assert labels.loc["click", "skip"] < -0.15


@pytest.fixture(scope="module")
def numbers_frame():
    return Numbers(0, 50_000).frame()


def test_shapes_are_no_lines():
    x = np.random.default_rng(0).standard_normal(10_000)
    for name, shape in SHAPES.items():
        line = np.corrcoef(x, shape(x))[0, 1]
        assert np.isfinite(shape(x)).all()
        assert abs(line) < 0.85, name


def test_a_valley_is_high_at_both_ends_and_some_numbers_have_long_tails(numbers_frame):
    rates = numbers_frame.groupby(pd.qcut(numbers_frame["age"], 5, labels=False))[["click", "cancel"]].mean()
    assert rates["click"][[0, 4]].min() > rates["click"][2] + 0.1
    assert rates["cancel"][4] > rates["cancel"][0] + 0.1
    assert abs(rates["cancel"][1] - rates["cancel"][0]) < 0.04
    skewed = {field for field in Numbers.numbers if numbers_frame[field].skew() > 3}
    assert skewed == set(Numbers.constants["tails"])
    assert numbers_frame["noise_steps"].nunique() < 12


def test_a_product_counts_and_not_its_factors(numbers_frame):
    for task, product, (one, two) in (
        ("click", 0.1, ("discount", "visits")),
        ("cancel", 0.08, ("weight", "height")),
    ):
        assert np.corrcoef(numbers_frame[one] * numbers_frame[two], numbers_frame[task])[0, 1] > product
        assert abs(np.corrcoef(numbers_frame[two], numbers_frame[task])[0, 1]) < 0.02


@pytest.fixture(scope="module")
def rare_frame():
    return Rare(0, Rare.rows).frame()


def test_there_is_no_cart_without_a_click_and_the_report_is_against_it(rare_frame):
    for task, before in Rare.after.items():
        assert (rare_frame[task] <= rare_frame[before]).all()
        assert (rare_frame[f"probability_{task}"] <= rare_frame[f"probability_{before}"]).all()
        assert 0 < rare_frame[task].sum() < rare_frame[before].sum()
    rates = rare_frame.groupby("category")[["probability_click", "probability_report"]].mean().corr()
    assert rates.iloc[0, 1] < -0.5


def test_few_items_make_most_of_the_rows_and_every_task_has_positives_enough(rare_frame):
    counts = rare_frame["item_id"].value_counts()
    assert counts.head(len(counts) // 10).sum() > 0.6 * len(rare_frame)
    assert (counts < 10).mean() > 0.3
    share = Rare.split["test_fraction"]
    assert all(share * chance.rate * Rare.rows >= 100 for chance in Rare.tasks().values())
    assert all(chance.rate <= 0.02 for chance in Rare.tasks().values())


def test_what_acted_before_is_part_of_the_truth():
    told = Rare.truth()["tasks"]
    assert set(told["click"]["fields"]) < set(told["cart"]["fields"]) < set(told["buy"]["fields"])
    assert told["cart"]["fields"]["slot"] == pytest.approx(0.7 - 0.3)
    assert told["buy"]["pairs"] == told["click"]["pairs"] == [["category", "hour"]]
    assert set(told["report"]["fields"]) == {"user_id", "seller_id", "category", "slot"}
