import numpy as np
import pandas as pd
import pytest

from automtl_core.prepare.prepare import prepare
from automtl_datasets.synthetic.dataset import Synthetic, SyntheticSettings
from automtl_datasets.synthetic.lists import Lists
from automtl_metrics.rankings import gauc


@pytest.fixture(scope="module")
def kind():
    return Lists(0, 8000)


@pytest.fixture(scope="module")
def frame(kind):
    return kind.frame()


def logits(frame, task):
    chances = frame[f"probability_{task}"]
    return np.log(chances / (1 - chances))


def test_a_list_is_of_one_user_at_one_moment_and_has_5_to_15_rows(frame):
    lists = frame.groupby("list_id")
    assert lists.size().between(5, 15).all()
    assert (lists["user_id"].nunique() == 1).all()
    assert (lists["time"].max() - lists["time"].min() == lists.size() - 1).all()
    begins = lists["time"].min().sort_values()
    assert (begins.diff().dropna() >= 20).all()


@pytest.mark.parametrize("rows", [100, 101, 1017])
def test_the_number_of_rows_is_exact(rows):
    assert len(Lists(3, rows).frame()) == rows


def of_items(kind, frame, task):
    """Return the effects of the fields of rows on a task."""
    chance, places = kind.tasks()[task], {}
    for field in kind.ids:
        places[field] = frame[field].str.removeprefix(f"{field}_").astype(int).to_numpy()
    parts = [size * kind.effects(f)[places[f]] for f, size in chance.effects.items() if f != "mood"]
    parts += [size * kind.together(pair, "", places) for pair, size in chance.pairs.items()]
    return sum(parts)


@pytest.mark.parametrize("task", Lists.tasks())
def test_items_order_a_list_and_what_is_left_is_one_mood(kind, frame, task):
    rest = logits(frame, task) - of_items(kind, frame, task)
    lists = rest.groupby(frame["list_id"])
    assert (lists.max() - lists.min()).max() < 1e-9
    assert lists.mean().std() == pytest.approx(kind.tasks()[task].effects["mood"], rel=0.1)


def test_the_mood_changes_slowly(kind, frame):
    rest = logits(frame, "click") - of_items(kind, frame, "click")
    moods = pd.DataFrame({"mood": rest, "user": frame["user_id"], "time": frame["time"]})
    moods = moods.groupby(frame["list_id"]).first().sort_values(["user", "time"])
    before = moods.groupby("user")["mood"].shift()
    assert moods["mood"].corr(before) == pytest.approx(kind.constants["correlation"], abs=0.06)


def test_the_truth_names_the_last_event_and_the_best_reachable_gauc(kind, frame):
    truth = Synthetic(SyntheticSettings(kind="lists", rows=8000)).truth()
    for task, told in truth["tasks"].items():
        assert "past:last1" in told["fields"]
        assert "mood" not in told["fields"]
        labels, chances = frame[task].to_numpy(float), frame[f"probability_{task}"].to_numpy()
        best = gauc(labels, chances, frame["list_id"].to_numpy()).value
        assert truth["gauc"][task] == pytest.approx(best)
        assert 0.7 < best < 0.8


def test_lists_are_those_of_the_column_and_a_history_holds_ten_events(tmp_path):
    settings = SyntheticSettings(kind="lists", rows=3000)
    prepared = prepare(Synthetic(settings), "synthetic", None, tmp_path)
    assert prepared.schema.lists.by == ("list_id",)
    assert [history.length for history in prepared.schema.histories] == [10]
    frame = Synthetic(settings).kind.frame()
    rows = [len(part) for part in map(prepared.part, ("train", "validation", "test"))]
    count = sum(len(np.unique(prepared.part(name).lists)) for name in ("train", "validation", "test"))
    assert (sum(rows), count) == (3000, frame["list_id"].nunique())
