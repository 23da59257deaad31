"""What is planted is found: fields that give a label away, and labels that settle another one."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.prepare.prepare import prepare
from automtl_core.tasks.builtin import auc
from automtl_inspection.describe import describe
from automtl_inspection.leaks import leaks
from automtl_inspection.leaks.leaks import Rule, alone, declared

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
PAID = np.where(GIVEN == 1, np.arange(ROWS) % 2, np.nan)
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
    "a label that is missing": ({"buy": GIVEN}, [("buy", "value")]),
    "too few rows": ({"click": FEW, "city": np.where(FEW, "yes", "no")}, []),
}


@pytest.mark.parametrize(("columns", "expected"), PLANTED.values(), ids=PLANTED)
def test_what_is_planted_is_found(tmp_path, columns, expected):
    found = alone(prepared(tmp_path, Table(**{"click": CLICK, **columns})))
    assert suspects(found) == {"click": expected, "buy": []}
    if not columns:
        assert all(0.4 < one.score < 0.6 for scores in found.values() for one in scores)


def test_a_label_that_is_given_another_one_is_no_leak(tmp_path):
    """It is missing where the other one is 0, which tells that one."""
    dataset = Table(click=CLICK, buy=GIVEN, pay=PAID)
    dataset.labels = (Label("click"), Label("buy", given="click"), Label("pay", after="buy", given="buy"))
    assert suspects(alone(prepared(tmp_path, dataset))) == {"click": [], "buy": [], "pay": []}


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


def test_a_label_that_repeats_another_is_found_unless_it_is_declared(tmp_path):
    click = clicks()
    dataset = Table(click=click, buy=click)
    made = describe(prepared(tmp_path / "undeclared", dataset))
    assert suspects(made.alone) == {"click": [("buy", "value")], "buy": [("click", "value")]}
    rules = {(rule.one, rule.other, rule.value, rule.declared) for rule in made.rules}
    assert rules == {("click", "buy", 1, False), ("buy", "click", 1, False)}
    dataset.labels = (Label("click"), Label("buy", after="click"))
    made = describe(prepared(tmp_path / "declared", dataset))
    assert suspects(made.alone) == {"click": [], "buy": []}
    assert all(rule.declared for rule in made.rules)


def test_labels_that_imply_or_exclude_another_are_told(tmp_path):
    click = clicks()
    few = np.random.default_rng(7).random(ROWS) < 0.3
    made = prepared(tmp_path / "implies", Table(click=click, buy=click & few))
    rows = int(made.part("train").labels[:, 1].sum())
    assert describe(made).rules == (Rule("buy", "click", 1, rows, declared=False),)
    made = prepared(tmp_path / "excludes", Table(click=click, buy=~click & few))
    assert [(rule.one, rule.other, rule.value) for rule in describe(made).rules] == [
        ("click", "buy", 0), ("buy", "click", 0)
    ]  # fmt: skip


def test_a_rule_that_chance_makes_is_not_told(tmp_path):
    buy = np.zeros(ROWS, dtype=bool)
    click = clicks()
    buy[np.flatnonzero(click)[:6]] = True
    assert describe(prepared(tmp_path, Table(click=click, buy=buy))).rules == ()


def test_a_real_label_is_judged_by_r2(tmp_path):
    random = np.random.default_rng(8)
    minutes = random.normal(30, 10, ROWS)
    dataset = Table(buy=minutes, price=minutes * 60, click=minutes > 30)
    dataset.labels = (Label("click"), Label("buy", "regression"))
    found = alone(prepared(tmp_path, dataset))
    assert (found["buy"][0].name, found["buy"][0].measure) == ("price", "R2")
    assert suspects(found)["buy"] == [("price", "value")]
    assert set(suspects(found)["click"]) == {("buy", "value"), ("price", "value")}
    click = next(predictor for predictor in found["buy"] if predictor.name == "click")
    made = prepared(tmp_path, dataset).part("validation").labels
    assert click.score == pytest.approx(np.corrcoef(made.T)[0, 1] ** 2, abs=0.02)


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


def test_tasks_before_and_after_are_declared_over_several_steps():
    tasks = (Task("view"), Task("click", "view"), Task("buy", "click"), Task("hide", "view"))
    schema = Schema((SparseField("user", 3),), (DenseField("x"),), tasks)
    assert declared(schema, "view", "buy")
    assert declared(schema, "buy", "view")
    assert not declared(schema, "hide", "click")
