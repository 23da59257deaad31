"""Earlier rows of a dataset, and later ones in a file."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.errors import DataError
from automtl_core.prepare.grow import grow
from automtl_core.prepare.prepare import prepare

ROWS = 600
CUT = 400
"""Number of the earlier rows."""


def shown(rows=ROWS, seed=1):
    random = np.random.default_rng(seed)
    time = np.sort(random.choice(10_000, rows // 2, replace=False)).repeat(2)
    drift = np.arange(rows) // 30  # new users, items and tags appear over time
    frame = pd.DataFrame(
        {
            "user": [f"u{one}" for one in random.integers(0, 12, rows) + drift],
            "item": [f"i{one}" for one in random.integers(0, 25, rows) + 2 * drift],
            "bucket": [f"b{one}" for one in random.integers(0, 9, rows)],
            "tags": ["|".join({f"t{one}" for one in random.integers(0, 8, 3) + n}) for n in drift],
            "price": random.normal(size=rows).round(3),
            "at": time,
            "w": random.integers(1, 4, rows),
            "click": random.integers(0, 2, rows),
            "spent": random.normal(size=rows).round(3) + 3,
        }
    )
    frame.loc[random.random(rows) < 0.05, "item"] = ""
    frame["row"] = np.arange(rows) / 1000
    return frame


class Shown(Dataset):
    """Items that are shown to users."""

    version = 1
    fields = (
        *map(Sparse, ("user", "item", "bucket")),
        Bag("tags"),
        Dense("price"),
        Dense("row", scaling="none"),
    )
    labels = (Label("click"), Label("spent", kind="regression"))
    user, time = "user", "at"
    histories = (History("past", "user", "at", ("item", "bucket"), ("click",), numbers=()),)
    frame = shown()

    def content(self):
        return self.frame.to_csv()

    def rows(self, db):
        return self.frame.replace("", None)

    def values(self, db, field):
        bags = pd.DataFrame({"bag": self.frame[field].unique()})
        return db.from_df(bags).project("bag, unnest(string_split(bag, '|')) AS value")


class Earlier(Shown):
    """The earlier rows."""

    frame = Shown.frame[:CUT]


def settings(**more):
    values = {"split": "time", "hashed": {"bucket": 5}, "weights": "w", "min_count": {"item": 2}}
    return DatasetSettings.parse({**values, **more})


def reading(folder, base, frame=None, timed=True, **more):
    """Return the reader of the later rows, whose events are in a log."""
    frame = Shown.frame[CUT:] if frame is None else frame
    frame.to_csv(folder / "later.csv", index=False)
    Shown.frame.to_csv(folder / "log.csv", index=False)
    return NewExamples(
        Earlier(settings(**more)),
        folder / "later.csv",
        folder,
        histories=base.schema.histories,
        log=folder / "log.csv",
        labelled=True,
        time="at" if timed else None,
        rule=base.schema.lists,
        weights=base.schema.weights,
    )


def grown(folder, **more):
    base = prepare(Earlier(settings(**more)), "shown", None, folder)
    return base, grow(base, reading(folder, base, **more), folder)


def contents(prepared, names=PARTS):
    """Return the decoded rows by their number, with what cannot be decoded."""
    found = {}
    for name in names:
        part = prepared.part(name)
        columns = prepared.encoder.decode(part)
        columns["users"], columns["weights"] = part.users.tolist(), part.weights.tolist()
        columns["lists"] = [None] * len(part) if part.lists is None else part.lists.tolist()
        columns["seconds"] = prepared.seconds(name).tolist()
        for row in zip(*columns.values(), strict=True):
            one = dict(zip(columns, row, strict=True))
            found[round(1000 * one["row"])] = one
    return found


@pytest.mark.parametrize("form", [{}, {"list": {"user": None, "gap": 300}}])
def test_rows_are_those_of_a_preparation_of_all(form, tmp_path):
    base, data = grown(tmp_path, **form)
    whole = prepare(Shown(settings(**form)), "whole", None, tmp_path)
    mine, wanted = contents(data), contents(whole)
    assert mine.keys() == wanted.keys() == {*range(ROWS)}
    known = {name: {*data.vocabulary(name)} for name in ("user", "item", "tags")}
    texts = {name: Shown.frame[name].tolist() for name in ("user", "item")}
    sides = {}  # of lists: one that began before the later rows is two lists
    for row, one in wanted.items():
        sides.setdefault(one["lists"], set()).add(row < CUT)
    for row, one in wanted.items():
        for name in ("bucket", "price", "click", "spent", "seconds", "weights"):
            assert mine[row][name] == pytest.approx(one[name], abs=1e-6), name
        for name, values in texts.items():
            assert mine[row][name] == (values[row] if values[row] in known[name] else None)
        tags = {*base.vocabulary("tags")} if row < CUT else known["tags"]
        assert {*mine[row]["tags"]} == {*Shown.frame["tags"][row].split("|")} & tags
        if form and len(sides[one["lists"]]) > 1:
            continue
        for name in ("past:click", "past:automtl:age"):
            assert mine[row][name] == pytest.approx(one[name]), name
        for event, item in zip(mine[row]["past:item"], one["past:item"], strict=True):
            if item is None or not item.startswith("unseen"):
                assert event == item or (item not in known["item"] and event.startswith("unseen"))
    for key in ("users", "lists"):  # other numbers, equal where they were equal
        whole_ones = {row: one for row, one in wanted.items() if not form or len(sides[one["lists"]]) == 1}
        pairs = {(mine[row][key], one[key]) for row, one in whole_ones.items()}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}), key
    runs = [data.part(name).lists for name in PARTS]
    if form:  # the rows of a list are neighbours
        assert all(len({*of.tolist()}) == 1 + np.count_nonzero(np.diff(of)) for of in runs)


def test_older_rows_are_training_rows_and_new_ones_are_divided_by_time(tmp_path):
    base, data = grown(tmp_path)
    assert data.manifest["rows"] == {"train": CUT + 160, "validation": 20, "test": 20}
    assert data.manifest["fresh"] == base.manifest["rows"]["train"] == 320
    rows = {name: contents(data, [name]).keys() for name in PARTS}
    assert rows["train"] == {*range(560)}
    assert rows["validation"] == {*range(560, 580)}
    labels = data.manifest["labels"]["test"]
    assert labels["click"]["positives"] == Shown.frame["click"][580:].sum()
    assert labels["spent"]["mean"] == pytest.approx(Shown.frame["spent"][580:].mean())


def test_data_grows_again(tmp_path):
    base = prepare(Earlier(settings()), "shown", None, tmp_path)
    once = grow(base, reading(tmp_path, base, Shown.frame[CUT:500]), tmp_path)
    twice = grow(once, reading(tmp_path, base, Shown.frame[500:]), tmp_path)
    direct = grow(base, reading(tmp_path, base), tmp_path)
    mine, wanted = contents(twice), contents(direct)
    for row, one in wanted.items():
        same = {key for key in one if mine[row][key] == one[key]}
        assert {"price", "click", "spent", "seconds", "weights", "past:click"} <= same
    assert twice.manifest["fresh"] == once.manifest["rows"]["train"]
    assert {*once.vocabulary("item")} <= {*twice.vocabulary("item")}
    items = [v for v in direct.vocabulary("item") if v in twice.vocabulary("item")]
    for row, one in wanted.items():  # an event that has become known later has its id too
        pairs = zip(mine[row]["past:item"], one["past:item"], strict=True)
        assert all(a == b or b not in items or str(a).startswith("unseen") for a, b in pairs)


def test_the_same_rows_are_grown_once_and_other_rows_make_other_data(tmp_path):
    base, data = grown(tmp_path)
    again = grow(base, reading(tmp_path, base), tmp_path)
    assert (again.reused, again.path) == (True, data.path)
    fewer = grow(base, reading(tmp_path, base, Shown.frame[CUT:550]), tmp_path)
    assert fewer.path != data.path
    assert Prepared.open(fewer.path).manifest["parent"] == base.manifest["fingerprint"]


def test_rows_that_are_not_later_are_left_out(tmp_path):
    base = prepare(Earlier(settings()), "shown", None, tmp_path)
    overlap = grow(base, reading(tmp_path, base, Shown.frame[300:]), tmp_path)
    assert overlap.manifest["rows"] == {"train": CUT + 160, "validation": 20, "test": 20}
    assert overlap.manifest["joined"][0].startswith("100 of 300 rows are left out")
    with pytest.raises(DataError, match=r"^none of the 100 rows is later than at"):
        grow(base, reading(tmp_path, base, Shown.frame[300:CUT]), tmp_path)
    with pytest.raises(DataError, match="too few: none is left for the validation part"):
        grow(base, reading(tmp_path, base, Shown.frame[CUT : CUT + 2]), tmp_path)


@pytest.mark.parametrize("split", ["random", "user"])
def test_without_times_rows_are_divided_at_random_or_by_users(split, tmp_path):
    base = prepare(Earlier(settings(split=split)), "shown", None, tmp_path)
    data = grow(base, reading(tmp_path, base, timed=False, split=split), tmp_path)
    sizes = data.manifest["rows"]
    assert sum(sizes.values()) == ROWS
    assert sizes["validation"] == pytest.approx(20, abs=8)
    if split == "user":
        users = [{*data.part(name).users.tolist()} for name in ("validation", "test")]
        assert not users[0] & users[1]
        assert not users[0] & {*data.part("train").users[CUT:].tolist()}


def test_old_values_keep_their_ids_and_frequent_new_ones_follow_up_to_a_number(tmp_path):
    base, data = grown(tmp_path)
    for name in ("user", "item", "tags"):
        old, new = base.vocabulary(name), data.vocabulary(name)
        assert new[: len(old)] == old
        assert len(new) > len(old)
    seen, old = Shown.frame["item"][: CUT + 160].value_counts(), {*base.vocabulary("item")}
    later = {*Shown.frame["item"][CUT : CUT + 160]} - old
    assert {*data.vocabulary("item")} - old == {v for v in later if v and seen[v] >= 2}
    # A held-out row of before has the id of a value that has become known.
    held_out = base.part("test")
    items = data.encoder.decode(data.part("train"))["item"][CUT - len(held_out) : CUT]
    was = base.encoder.decode(held_out)["item"]
    assert any(a is None and b is not None for a, b in zip(was, items, strict=True))
    for most in (20, 28):
        base, data = grown(tmp_path, max_vocabulary=most)
        old, new = base.vocabulary("user"), data.vocabulary("user")
        assert len(new) == most
        assert new[len(old) :] == sorted(new[len(old) :])
