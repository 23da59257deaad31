import numpy as np
import pytest

from automtl_core.prepare.prepare import prepare
from automtl_datasets.synthetic.dataset import Synthetic, SyntheticSettings
from automtl_datasets.synthetic.timed import DAYS, Cold, Drift, Histories


@pytest.fixture(scope="module")
def frame():
    return Drift(0, Drift.rows).frame()


def alike(frame, field, task):
    """Return how rates by value correlate between the first and the last quarter of the time."""
    quarter = (frame["time"] - DAYS["start"]) * 4 // DAYS["seconds"]
    first, last = (frame[quarter == q].groupby(field)[task] for q in (0, 3))
    enough = (first.size() >= 50) & (last.size() >= 50)
    return first.mean()[enough].corr(last.mean()[enough])


def test_what_changes_changes_and_what_stays_stays(frame):
    assert alike(frame, "campaign", "click") < -0.3
    assert alike(frame, "campaign", "cart") > 0.8
    assert alike(frame, "category", "click") > 0.8
    assert alike(frame, "category", "cart") > 0.8
    for task in ("click", "cart"):
        assert 0 < alike(frame, "item_id", task) < 0.8


def test_the_truth_tells_what_changes_and_the_hour_is_that_of_the_time(frame):
    told = Drift.truth()
    assert told["changing"]["click"] == Drift.constants["turns"]["browse"]
    assert [*told["changing"]["buy"]] == ["item_id"]
    assert all(set(told["changing"][task]) < set(told["tasks"][task]["fields"]) for task in Drift.tasks())
    assert frame["time"].between(DAYS["start"], DAYS["start"] + DAYS["seconds"] - 1).all()
    hours = frame["time"] // 3600 % 24
    assert (frame["hour"] == "hour_" + hours.astype(str)).all()


def test_the_latest_rows_are_for_the_test(tmp_path):
    """In them effects are the last ones, so that probabilities of a campaign are not those of training."""
    prepared = prepare(Synthetic(SyntheticSettings(kind="drift", rows=20_000)), "synthetic", None, tmp_path)
    assert prepared.manifest["settings"]["split"] == "time"
    place = [field.name for field in prepared.schema.sparse].index("campaign")
    rates = {}
    for name in ("train", "test"):
        ids, chance = prepared.part(name).ids[:, place], prepared.oracle(name)[:, 0]
        rates[name] = [chance[ids == value].mean() for value in range(1, 11)]
    spread = max(abs(one - other) for one, other in zip(*rates.values(), strict=True))
    assert spread > 0.2


@pytest.fixture(scope="module")
def kind():
    return Histories(0, 6000)


def test_the_last_event_and_ten_events_of_the_category_have_an_effect_and_no_others(kind):
    frame = kind.frame().sort_values(["user_id", "time"])
    last, count = [], []
    for _, of_user in frame.groupby("user_id", sort=False):
        categories, opened = of_user["category"].tolist(), of_user["opened"].tolist()
        for place, category in enumerate(categories):
            last.append(0 if place == 0 else 1 if opened[place - 1] else -1)
            count.append(categories[max(place - 10, 0) : place].count(category))
    chances = frame["probability_click"].to_numpy()
    logits = np.log(chances / (1 - chances))
    fields = []
    for name in ("item_id", "category", "hour"):
        places = frame[name].str.removeprefix(f"{name}_").astype(int).to_numpy()
        fields.append(kind.effects(name)[places])
    inputs = np.column_stack([*fields, last, count, np.ones(len(frame))])
    weights, *_ = np.linalg.lstsq(inputs, logits, rcond=None)
    assert np.allclose(inputs @ weights, logits, atol=1e-8)
    assert weights[:3] == pytest.approx([0.5, 0.4, 0.3])
    assert weights[3] > 0.5
    assert weights[4] > 0.1


def test_the_truth_names_inputs_from_distinct_events(kind):
    assert kind.frame()["time"].is_unique
    for of_task in kind.truth()["tasks"].values():
        assert {"past:last1", "past:category"} < set(of_task["fields"])


@pytest.fixture(scope="module")
def cold():
    return Cold(0, 8000)


def test_half_of_the_rows_of_the_last_period_have_items_that_no_row_before_has(cold):
    frame = cold.frame()
    last = frame["time"] >= len(frame) * 9 // 10
    unseen = ~frame.loc[last, "item_id"].isin(frame.loc[~last, "item_id"])
    assert unseen.mean() == pytest.approx(0.5, abs=0.05)


def test_vectors_determine_the_effects_of_items(cold):
    frame, vectors = cold.frame(), cold.vectors()
    assert vectors.shape == (400, 16)
    items = frame["item_id"].str.removeprefix("item_id_").astype(int).to_numpy()
    hours = frame["hour"].str.removeprefix("hour_").astype(int).to_numpy()
    for task in cold.tasks():
        chances = frame[f"probability_{task}"].to_numpy()
        logits = np.log(chances / (1 - chances))
        inputs = np.column_stack([vectors[items], cold.effects("item_id")[items], np.eye(24)[hours]])
        weights, *_ = np.linalg.lstsq(inputs, logits, rcond=None)
        assert np.allclose(inputs @ weights, logits, atol=1e-8)


def test_the_truth_names_the_vectors(cold):
    assert all("item_id:vector" in of_task["fields"] for of_task in cold.truth()["tasks"].values())
