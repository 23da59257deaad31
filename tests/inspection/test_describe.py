import json

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Bag, Dense, Label, Sparse
from automtl_core.prepare.prepare import prepare
from automtl_inspection.describe import DenseFacts, Described, LabelFacts, SparseFacts, describe, duplicates


def test_describes_fields_and_tasks(shop, shop_dir, tmp_path):
    prepared = prepare(shop, "shop", shop_dir, tmp_path / "out")
    found, train = describe(prepared), prepared.part("train")
    assert found.rows == {"train": 80, "validation": 10, "test": 10}
    assert found.sparse["user"].vocabulary == len(prepared.vocabulary("user"))
    counts = np.unique(train.ids[:, 1], return_counts=True)[1]
    assert found.sparse["city"] == SparseFacts(4, counts.max() / 80, None, 0.0, 0.0, 0.0)
    price = train.dense[:, 0] * prepared.encoder.fields["price"].width
    price += prepared.encoder.fields["price"].offset
    facts = found.dense["price"].to_json()
    assert facts == pytest.approx(
        {
            "missing": 0.0,
            "mean": price.mean(),
            "deviation": price.std(),
            "low": price.min(),
            "high": price.max(),
        },
        rel=1e-5,
    )
    clicks = train.labels[:, 0]
    assert found.tasks["click"]["train"] == LabelFacts(80, pytest.approx(clicks.mean()), clicks.sum())
    np.testing.assert_allclose(found.correlation, np.corrcoef(train.labels.T), atol=1e-6)


def test_what_is_described_is_json(given, tmp_path):
    random = np.random.default_rng(0)
    click, buy = random.integers(0, 2, 500), random.normal(size=500)
    dataset = given(
        {"user": random.integers(0, 9, 500), "city": "x", "price": 1.0, "click": click, "buy": buy}
    )
    dataset.labels = (Label("click"), Label("buy", "regression"))
    found = describe(prepare(dataset, "given", None, tmp_path))
    assert found.tasks["buy"]["train"].positives is None
    assert Described.from_json(json.loads(json.dumps(found.to_json())), "here") == found


@pytest.mark.parametrize("scaling", ["standard", "log"])
def test_missing_numbers_are_counted_and_left_out(given, tmp_path, scaling):
    random = np.random.default_rng(0)
    price = pd.Series(random.uniform(5, 9, 500)).where(random.random(500) > 0.3)
    labels = {name: random.integers(0, 2, 500) for name in ("click", "buy")}
    dataset = given({"user": random.integers(0, 9, 500), "city": "x", "price": price, **labels})
    dataset.fields = (Sparse("user"), Sparse("city"), Dense("price", scaling))
    prepared = prepare(dataset, "given", None, tmp_path)
    found, train = describe(prepared).dense["price"], prepared.part("train")
    blank = np.isnan(train.dense[:, 0])
    assert found.missing == pytest.approx(blank.mean()) == pytest.approx(0.3, abs=0.05)
    known = prepared.encoder.fields["price"].inverse(train.dense[~blank, 0])
    assert [found.mean, found.deviation] == pytest.approx([known.mean(), known.std()])
    assert [found.low, found.high] == pytest.approx([known.min(), known.max()])
    assert found.low > 4.9, "0 is not taken for one"


def test_a_field_without_any_number_has_a_share_and_nothing_else(given, tmp_path):
    labels = {name: [0, 1] * 50 for name in ("click", "buy")}
    dataset = given({"user": range(100), "city": "x", "price": [float("nan")] * 100, **labels})
    assert describe(prepare(dataset, "given", None, tmp_path)).dense["price"] == DenseFacts(
        1.0, None, None, None, None
    )


def test_blank_and_unseen_values_are_counted_by_part(given, tmp_path):
    random = np.random.default_rng(0)
    rows = 1000
    labels = {name: random.integers(0, 2, rows) for name in ("click", "buy")}
    city = pd.Series(random.choice(["a", "b"], rows)).where(random.random(rows) > 0.3)
    prepared = prepare(
        given({"user": np.arange(rows), "city": city, "price": 1.0, **labels}), "given", None, tmp_path
    )
    found = describe(prepared).sparse
    assert found["user"].unknown_train == 0.0
    assert found["user"].unknown_validation == found["user"].unknown_test == 1.0
    for part in ("train", "validation", "test"):
        assert getattr(found["city"], f"unknown_{part}") == (prepared.part(part).ids[:, 1] == 0).mean() > 0.2


def test_labels_correlate_over_the_rows_that_have_both(given, tmp_path):
    random = np.random.default_rng(0)
    click = random.integers(0, 2, 2000).astype(float)
    buy = np.where(random.random(2000) < 0.7, click, 1 - click)
    buy[click == 0] = np.where(random.random((click == 0).sum()) < 0.5, np.nan, buy[click == 0])
    prepared = prepare(
        given({"user": random.integers(0, 9, 2000), "city": "x", "price": 1.0, "click": click, "buy": buy}),
        "given",
        None,
        tmp_path,
    )
    labels = pd.DataFrame(prepared.part("train").labels)
    assert labels[1].isna().sum() > 100
    np.testing.assert_allclose(describe(prepared).correlation, labels.corr(), atol=1e-6)


def test_a_constant_label_has_no_correlation(given, tmp_path):
    random = np.random.default_rng(0)
    click, city = random.integers(0, 2, 500).astype(float), np.array(["x"] * 500)
    buy = np.where(click == 1, 1.0, np.nan)  # constant where both are known
    buy[:20] = 0.0
    click[:20] = np.nan
    dataset = given(
        {"user": random.integers(0, 9, 500), "city": city, "price": 1.0, "click": click, "buy": buy}
    )
    assert describe(prepare(dataset, "given", None, tmp_path)).correlation == ((1.0, None), (None, 1.0))


@pytest.fixture
def prepared(given, tmp_path):
    """Return rows that are alike within and between parts."""
    random = np.random.default_rng(0)
    rows = 1500
    dataset = given(
        {
            "user": random.integers(0, 30, rows),
            "city": random.integers(0, 5, rows),
            "price": random.choice([0.0, -0.0, 1.5, np.nan], rows),
            "click": random.integers(0, 2, rows),
            "buy": random.choice([0, 1, np.nan], rows),
            "part": np.repeat(["train", "validation", "test"], [900, 300, 300]),
        }
    )
    dataset.part = "part"
    return prepare(dataset, "given", None, tmp_path)


def table(prepared, part):
    held = prepared.part(part)
    floats = [np.nan_to_num(array, nan=-99) + 0.0 for array in (held.dense, held.labels)]
    return pd.Series(list(map(tuple, np.concatenate([held.ids, *floats], axis=1).tolist())))


def test_shares_are_those_of_comparing_all_rows(prepared):
    found = duplicates(prepared)
    train = table(prepared, "train")
    assert found["train"] == train.duplicated(keep=False).mean()
    for part in ("validation", "test"):
        assert found[part] == table(prepared, part).isin(set(train)).mean()
    assert 0 < found["test"] < 1


def test_columns_are_identified(given, tmp_path):
    """Rows with the same numbers in other columns are not alike."""
    one = {"user": ["a", "b"] * 50, "city": ["b", "a"] * 50, "price": np.arange(100) // 2}
    prepared = prepare(given({**one, "click": [0, 1] * 50, "buy": [1, 0] * 50}), "given", None, tmp_path)
    assert duplicates(prepared)["train"] == 0.0


def test_bags_are_compared_by_what_they_hold(tmp_path, given):
    class Bags(type(given({}))):
        fields = (Sparse("user"), Bag("city"), Dense("price"))

        def values(self, db, field):
            bags = pd.DataFrame({"bag": self.frame[field].unique()})
            return db.from_df(bags).project("bag, unnest(string_split(bag, '|')) AS value")

    dataset = Bags(given({}).settings)
    bags = ["a|b", "b|a", "c|a|b", "c"] * 25  # the first two hold the same
    labels = {name: np.arange(100) // 4 % 2 for name in ("click", "buy")}
    dataset.frame = pd.DataFrame({"user": "u", "city": bags, "price": np.arange(100) // 4, **labels})
    dataset.part = "part"
    dataset.frame["part"] = np.repeat(["train", "validation", "test"], [80, 10, 10])
    prepared = prepare(dataset, "bags", None, tmp_path)
    assert duplicates(prepared)["train"] == 0.5


@pytest.mark.parametrize(("copies", "warned"), [(0, 0), (400, 1)])
def test_many_test_rows_that_occur_in_training_are_a_warning(given, tmp_path, copies, warned):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"user": random.integers(0, 9, 500), "city": "x", "price": random.normal(size=500)})
    frame[["click", "buy"]] = random.integers(0, 2, (500, 2))
    found = describe(prepare(given(pd.concat([frame, frame[:copies]])), "given", None, tmp_path))
    sentences = [one for one in found.warnings if "of the test rows equal a training row" in one]
    assert len(sentences) == warned
    for sentence in sentences:
        assert sentence.startswith(f"{found.duplicates['test']:.0%} ")
