"""Lists of prepared rows, and all that they see, against plain loops over rows."""

import math

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.errors import UsageError
from automtl_core.prepare.prepare import prepare

ROWS = 900
FORMS = {
    "gap": {"user": None, "gap": 20},
    "period": {"user": None, "every": 100},
    "columns": ["user", "page"],
    "column": "page",
    "user": "user",
    "both": {"user": None, "gap": "50s", "every": 200},
}


def shown():
    """Return items shown to users in bursts, of which some overlap in time; some rows have no user."""
    random = np.random.default_rng(3)
    begin = np.sort(random.integers(0, 1000, ROWS // 6))
    frame = pd.DataFrame(
        {
            "user": np.repeat(random.integers(0, 9, ROWS // 6), 6).astype(str),
            "page": np.repeat(random.integers(0, 40, ROWS // 6), 6).astype(str),
            "item": random.integers(0, 30, ROWS).astype(str),
            "at": np.repeat(begin, 6) + random.integers(0, 30, ROWS),
            "click": random.integers(0, 2, ROWS),
        }
    )
    frame.loc[random.random(ROWS) < 0.05, "user"] = None
    frame["row"] = np.arange(ROWS) / 1000
    return frame.sample(frac=1, random_state=0)


class Shown(Dataset):
    """Items on pages."""

    version = 1
    fields = (Sparse("user"), Sparse("item"), Dense("row", scaling="none"))
    labels = (Label("click"),)
    user, time = "user", "at"
    histories = (History("past", "user", "at", ("item",), ("click",)),)
    frame = shown()

    def content(self):
        return self.frame.to_csv()

    def rows(self, db):
        return self.frame


NUMBERED = Shown.frame.set_index(Shown.frame["row"].mul(1000).round().astype(int))
"""The rows by their numbers."""


def dataset_of(form, **more):
    return Shown(DatasetSettings.parse({"split": "time", "list": FORMS[form], **more}))


def prepared(folder, form, **more):
    return prepare(dataset_of(form, **more), "shown", None, folder)


def expected(form):
    """Return the list of each row by its number as a key, and the time at which it begins, from a loop."""
    chosen = FORMS[form]
    by = ["page"] if chosen == "page" else ["user", "page"] if form == "columns" else ["user"]
    gap = {"gap": 20, "both": 50}.get(form, math.inf)
    every = {"period": 100, "both": 200}.get(form)
    origin = 0
    if form == "user":  # the test part is a period, and so are the parts before it
        times = np.sort(Shown.frame["at"].to_numpy())
        first = min(set(times), key=lambda t: abs((times >= t).sum() - 0.1 * ROWS))
        every, origin = (times[-1] - first) * (1 + 1e-9), first
    lists, begin = {}, {}
    for number, row in NUMBERED[NUMBERED[by].isna().any(axis=1)].iterrows():
        lists[number] = None
        begin[number] = row["at"] if every is None else origin + (row["at"] - origin) // every * every
    for key, of in NUMBERED.dropna(subset=by).groupby(by):
        last, start, period, count = -math.inf, None, None, 0
        for number, row in of.sort_values("at").iterrows():
            mine = None if every is None else math.floor((row["at"] - origin) / every)
            if row["at"] - last > gap or mine != period or start is None:
                start, count = row["at"] if every is None else origin + mine * every, count + 1
            last, period = row["at"], mine
            lists[number], begin[number] = (key, count), start
    return lists, begin


def numbers_of(part):
    return np.round(part.dense[:, 0] * 1000).astype(int).tolist()


@pytest.mark.parametrize("form", FORMS)
def test_rows_form_lists_and_the_split_cuts_none(form, tmp_path):
    data, (lists, begin) = prepared(tmp_path, form), expected(form)
    seen, began = {}, {name: data.times(name) for name in PARTS}
    for name in PARTS:
        part = data.part(name)
        assert began[name] == pytest.approx([begin[number] for number in numbers_of(part)])
        for number, mine in zip(numbers_of(part), part.lists.tolist(), strict=True):
            if lists[number] is None:
                assert mine == 0
            else:
                assert seen.setdefault(lists[number], (name, mine)) == (name, mine)
        # The rows of a list are neighbours.
        runs = part.lists[part.lists > 0]
        assert len(set(runs.tolist())) == 1 + np.count_nonzero(np.diff(runs))
    assert len({mine for _, mine in seen.values()}) == len(seen)
    assert sum(map(len, began.values())) == ROWS
    assert began["train"].max() < began["validation"].min()
    assert began["validation"].max() < began["test"].min()


def test_periods_of_users_are_as_long_as_the_test_part_of_a_window(tmp_path):
    data = prepared(tmp_path, "user", split_seed=2)
    began = {name: data.times(name) for name in PARTS}
    assert len(set(began["test"])) == 1
    assert data.schema.lists.origin == began["test"][0] > began["validation"].max()
    assert data.schema.lists.origin < prepared(tmp_path, "user").schema.lists.origin


@pytest.mark.parametrize("form", ["user", "gap", "period"])
def test_a_time_cuts_lists_by_their_beginning(form, tmp_path):
    more = {} if form == "user" else {"validation_from": 600}  # its periods are as long as the test part
    data = prepared(tmp_path, form, test_from=800, **more)
    began = {name: data.times(name) for name in PARTS}
    assert all(len(times) > 50 for times in began.values())
    first = 600 if more else began["validation"].min()
    assert began["train"].max() < first <= began["validation"].min()
    assert began["validation"].max() < 800 <= began["test"].min()
    if form == "user":
        assert len(set(began["test"])) == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_events_of_a_row_are_those_before_its_list(form, tmp_path):
    data, (_, begin) = prepared(tmp_path, form, history_delay=3.0), expected(form)
    counted = 0
    for name in PARTS:
        events = data.encoder.decode(data.part(name))
        ages, clicks = events["past:automtl:age"], events["past:click"]
        for number, found, done in zip(numbers_of(data.part(name)), ages, clicks, strict=True):
            now, mine = begin[number], NUMBERED[NUMBERED["user"] == NUMBERED["user"][number]]
            earlier = mine[mine["at"] < now - 3]
            wanted = sorted(zip(now - earlier["at"], earlier["click"], strict=True))[:50]
            assert sorted(found) == pytest.approx([age for age, _ in wanted])
            assert sum(done) == sum(click for _, click in wanted) or len(earlier) > 50
            counted += len(wanted)
    assert counted > 1000


@pytest.mark.parametrize("delay", [0.0, 5.0])
@pytest.mark.parametrize("form", FORMS)
def test_aggregates_of_a_row_are_as_of_the_beginning_of_its_list(form, delay, tmp_path):
    data, (_, begin) = prepared(tmp_path, form, label_delay=delay), expected(form)
    encodings = data.schema.encodings.with_answers(aggregates=("item",), refresh="always")
    made = data.encoded(data.schema.encoded(encodings))
    rows_of = {name: NUMBERED.loc[numbers_of(data.part(name))] for name in ("train", "validation")}
    scaling = made.aggregates.states[0].scaling
    for name, seen in {"train": rows_of["train"], "validation": pd.concat(rows_of.values())}.items():
        counts = []
        for number in numbers_of(data.part(name)):
            earlier = seen[seen["at"] < begin[number] - delay]
            same = (earlier["item"] == NUMBERED["item"][number]).sum()
            counts.append(np.log1p(same * len(rows_of["train"]) / max(len(earlier), 1)))
        found = {"train": made.train, "validation": made.validation}[name].dense[:, -1]
        wanted = (np.array(counts) - scaling.center[-1]) / scaling.scale[-1]
        assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_new_rows_form_the_lists_of_prepared_ones(form, tmp_path):
    data = prepared(tmp_path, form)
    wanted = {n: m for p in PARTS for n, m in zip(numbers_of(data.part(p)), data.part(p).lists, strict=True)}
    rows = frame_rows(NewExamples(dataset_of(form), Shown.frame, labelled=True, rule=data.schema.lists))
    numbers = np.round(next(rows.chunks(ROWS))["row"] * 1000).astype(int)
    pairs = {(wanted[n], mine) for n, mine in zip(numbers, rows.lists.tolist(), strict=True)}
    assert len(pairs) == len({mine for _, mine in pairs}) == len({mine for mine, _ in pairs})


def test_random_splits_draw_whole_lists_and_folds_hold_whole_lists(tmp_path):
    data = prepared(tmp_path, "columns", split="random", test_fraction=0.2)
    of_parts = [set(data.part(name).lists.tolist()) - {0} for name in PARTS]
    assert not of_parts[0] & of_parts[1]
    assert not of_parts[0] & of_parts[2]
    assert len(data.part("test")) / ROWS == pytest.approx(0.2, abs=0.02)
    folds = pd.Series(data.rule("never").folds).groupby(data.part("train").lists).nunique()
    assert (folds.drop(0) == 1).all()


@pytest.mark.parametrize(
    ("change", "form", "split", "words"),
    [
        ({"time": None, "histories": ()}, "gap", "random", "there is no time"),
        ({"user": None, "histories": ()}, "gap", "time", "there is no user field"),
        ({}, "user", "user", "no event comes before a list of all rows of a user"),
    ],
)
def test_lists_need_their_columns(change, form, split, words, tmp_path):
    dataset = dataset_of(form, split=split)
    vars(dataset).update(change)
    with pytest.raises(UsageError, match=words):
        prepare(dataset, "shown", None, tmp_path)
