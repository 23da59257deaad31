"""What is planted is found: fields that give a label away."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.prepare.prepare import prepare
from automtl_core.tasks.builtin import auc
from automtl_inspection.describe import describe
from automtl_inspection.leaks import leaks
from automtl_inspection.leaks.leaks import alone

ROWS = 4000


class Table(Dataset):
    """What a test plants in the columns that do no harm."""

    version = 1
    fields = (Sparse("user"), Sparse("city"), Dense("price"))
    labels = (Label("click"), Label("buy"))

    def __init__(self, **columns):
        super().__init__(DatasetSettings())
        random = np.random.default_rng(0)
        self.columns = {
            "user": random.integers(0, 200, ROWS),
            "city": random.choice(["a", "b", "c"], ROWS),
            "price": random.normal(size=ROWS),
            "click": random.random(ROWS) < 0.4,
            "buy": random.random(ROWS) < 0.2,
        } | columns

    def content(self):
        return pd.DataFrame(self.columns).to_csv()

    def rows(self, db):
        return pd.DataFrame(self.columns)

    def values(self, db, field):
        bags = pd.DataFrame({"bag": pd.unique(pd.Series(self.columns[field]))})
        return db.from_df(bags).project("bag, unnest(string_split(bag, '|')) AS value")


def prepared(tmp_path, dataset):
    return prepare(dataset, "table", None, tmp_path)


def clicks(seed=1):
    return np.random.default_rng(seed).random(ROWS) < 0.4


def suspects(found):
    return {task: [(one.name, one.by) for one in told if one.suspicious] for task, told in found.items()}


CLICK, NOISE = clicks(), np.random.default_rng(5).normal(size=ROWS)
GIVEN = np.where(CLICK, np.random.default_rng(9).random(ROWS) < 0.5, np.nan)
FEW = np.arange(ROWS) < 40
CITY, PRICE = [("city", "value")], [("price", "value")]
PLANTED = {
    "nothing": ({}, []),
    "a field that repeats the label": ({"city": np.where(CLICK, "yes", "no")}, CITY),
    "its opposite": ({"city": np.where(CLICK, "no", "yes")}, CITY),
    "filled in afterwards": (
        {"city": pd.Series([f"order{n}" for n in range(ROWS)]).where(CLICK)},
        [("city", "presence")],
    ),
    "a number that rises": ({"price": CLICK + 0.1 * NOISE}, PRICE),
    "a number that falls": ({"price": np.where(CLICK, 1, -1) * -3 + 0.5 * NOISE}, PRICE),
    "the tail of a number": ({"price": np.where(CLICK, np.abs(NOISE) + 3, NOISE)}, PRICE),
    "a blank number": ({"price": np.where(CLICK, NOISE, np.nan)}, PRICE),
    "either side": ({"price": np.where(CLICK, np.sign(NOISE) * (np.abs(NOISE) + 4), NOISE)}, PRICE),
    "a label that is missing": ({"buy": GIVEN}, []),
    "too few rows": ({"click": FEW, "city": np.where(FEW, "yes", "no")}, []),
}


@pytest.mark.parametrize(("columns", "expected"), PLANTED.values(), ids=PLANTED)
def test_what_is_planted_is_found(tmp_path, columns, expected):
    found = alone(prepared(tmp_path, Table(**{"click": CLICK, **columns})))
    assert suspects(found) == {"click": expected, "buy": []}
    if not columns:
        assert all(0.4 < one.score < 0.6 for scores in found.values() for one in scores)


def test_scores_are_those_of_target_means(tmp_path):
    user = np.random.default_rng(2).integers(0, 300, ROWS)
    taste = np.random.default_rng(3).random(300)
    made = prepared(tmp_path, Table(user=user, click=np.random.default_rng(4).random(ROWS) < taste[user]))
    train, validation = made.part("train"), made.part("validation")
    seen = (
        pd.DataFrame({"id": train.ids[:, 0], "y": train.labels[:, 0]})
        .groupby("id")["y"]
        .agg(["sum", "count"])
    )
    mean = (seen["sum"] + train.labels[:, 0].mean()) / (seen["count"] + 1)
    scores = pd.Series(validation.ids[:, 0]).map(mean).fillna(train.labels[:, 0].mean())
    (best, *_) = alone(made)["click"]
    assert best.name == "user"
    assert best.score == pytest.approx(auc(validation.labels[:, 0], scores.to_numpy()))
    assert best.score > 0.7


def test_a_value_of_a_multi_valued_field_that_gives_a_label_away_is_found(tmp_path):
    click, random = clicks(), np.random.default_rng(6)
    others = random.choice(["a", "b", "a|b"], ROWS)
    dataset = Table(click=click, city=np.where(click, np.char.add(others, "|bought"), others))
    dataset.fields = (Sparse("user"), Bag("city"), Dense("price"))
    made = prepared(tmp_path, dataset)
    assert made.schema.sparse[1].kind == "bag"
    assert suspects(alone(made))["click"] == [("city", "value")]
    assert describe(made).sparse["city"].values_a_row == pytest.approx(
        np.mean([4 / 3 + c for c in click]), abs=0.05
    )


def test_empty_bags_give_a_label_away(tmp_path):
    click = clicks()
    order = pd.Series([f"o{n}|o{n + 1}" for n in range(ROWS)]).where(click)
    dataset = Table(click=click, city=order)
    dataset.fields = (Sparse("user"), Bag("city"), Dense("price"))
    (found,) = suspects(alone(prepared(tmp_path, dataset)))["click"]
    assert found[0] == "city"


def test_a_real_label_is_judged_by_r2(tmp_path):
    random = np.random.default_rng(8)
    minutes = random.normal(30, 10, ROWS)
    dataset = Table(buy=minutes, price=minutes * 60, click=minutes > 30)
    dataset.labels = (Label("click"), Label("buy", "regression"))
    found = alone(prepared(tmp_path, dataset))
    assert (found["buy"][0].name, found["buy"][0].measure) == ("price", "R2")
    assert suspects(found)["buy"] == [("price", "value")]
    assert suspects(found)["click"] == [("price", "value")]


def test_many_passes_give_what_one_gives(tmp_path, monkeypatch):
    made = prepared(tmp_path, Table(click=clicks()))
    once = alone(made)
    monkeypatch.setattr(leaks, "CELLS", 10)
    monkeypatch.setattr("automtl_core.data.part.CHUNK", 100)
    (made.path / leaks.SCORES).unlink()
    assert alone(made) == once


def test_the_prediction_of_a_field_is_the_mean_label_of_its_value(tmp_path):
    made = prepared(tmp_path, Table(click=clicks()))
    train, test = made.part("train"), made.part("test")
    click, buy = leaks.predictions(made, "city", [0, 1])
    for t, predicted in enumerate([click, buy]):
        for city in np.unique(test.ids[:, 1]):
            labels = train.labels[train.ids[:, 1] == city, t].astype(float)
            expected = (labels.sum() + train.labels[:, t].astype(float).mean()) / (len(labels) + 1)
            assert predicted[test.ids[:, 1] == city] == pytest.approx(expected)
