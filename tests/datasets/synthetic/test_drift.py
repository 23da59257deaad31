import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_datasets.synthetic import Synthetic, SyntheticSettings
from automtl_datasets.synthetic.drift import HOURS, SECONDS, START, TURNS, Drift


@pytest.fixture(scope="module")
def frame():
    return Drift(0, Drift.rows).frame()


def alike(frame, field, task):
    """Return how rates by value correlate between the first and the last quarter of the time."""
    quarter = (frame["time"] - START) * 4 // SECONDS
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


def test_the_hour_is_that_of_the_time(frame):
    assert frame["time"].between(START, START + SECONDS - 1).all()
    hours = frame["time"] // 3600 % HOURS
    assert (frame["hour"] == "hour_" + hours.astype(str)).all()


def test_the_truth_tells_what_changes():
    told = Drift.truth()
    assert told["changing"]["click"] == TURNS["browse"]
    assert [*told["changing"]["buy"]] == ["item_id"]
    assert all(set(told["changing"][task]) < set(told["tasks"][task]["fields"]) for task in Drift.tasks())


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
