"""Histories of prepared rows against a plain loop over events."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.errors import DataError
from automtl_core.fields.encode import outside, text_hash
from automtl_core.prepare.prepare import prepare

ROWS = 400


def actions(seed=0):
    """Return actions with blanks and rare values, at times of which two are equal as a rule."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "user": random.integers(0, 12, ROWS).astype(str),
            "item": random.integers(0, 40, ROWS).astype(str),
            "category": random.integers(0, 5, ROWS).astype(str),
            "at": random.permutation(ROWS) // 2,
            "click": random.integers(0, 2, ROWS),
            "buy": random.integers(0, 2, ROWS),
            "row": (np.arange(ROWS) - 100) / 100,
        }
    )
    frame.loc[random.random(ROWS) < 0.05, "item"] = None
    frame.loc[random.random(ROWS) < 0.05, "user"] = None
    return frame


class Actions(Dataset):
    """Rows that are the events of each other, or rows beside a log."""

    version = 1
    fields = (Sparse("user"), Sparse("item"), Sparse("category"), Dense("row", scaling="none"))
    labels = (Label("buy"),)
    user, time = "user", "at"
    log: pd.DataFrame | None = None
    frame = actions()

    @property
    def histories(self):
        return (History("past", "user", "at", ("item", "category"), ("click", "buy"), self.log is None),)

    def content(self):
        return self.frame.to_csv(), None if self.log is None else self.log.to_csv()

    def rows(self, db):
        return self.frame

    def events(self, db, history):
        return db.from_df(self.log)


def prepared(folder, log=None, **settings):
    dataset = Actions(DatasetSettings(split="time", **settings))
    dataset.log = log
    return prepare(dataset, "actions", None, folder)


def looped(log, row, length, delay):
    """Return the events of a row, the latest first: age, item, category, click, buy."""
    mine = log[(log.user == row["user"]) & (log["at"] < row["at"] - delay)]
    # Events at the same time are in the order of their other columns, blanks first; values in that of texts.
    mine = mine.sort_values(["at", "item", "category", "click", "buy"], na_position="last")
    return [
        (row["at"] - e["at"], e["item"], e["category"], e["click"], e["buy"])
        for e in mine.to_dict("records")[::-1][:length]
    ]


def stored(data, part):
    """Return the same for the rows of a part, with values outside of the vocabulary as `unseen #N`."""
    events = data.encoder.decode(data.part(part))
    columns = [events[f"past:{name}"] for name in ("automtl:age", "item", "category", "click", "buy")]
    return [list(zip(*row, strict=True))[::-1] for row in zip(*columns, strict=True)]


def assert_histories(data, log, length, delay):
    known = {name: set(data.vocabulary(name)) for name in ("item", "category")}

    def plain(event):
        """Return an event with the values that a vocabulary holds."""
        age, item, category, *done = event
        pairs = (("item", item), ("category", category))
        values = [None if pd.isna(v) else v if v in known[name] else "unseen" for name, v in pairs]
        return age, *values, *done

    seen = 0
    for part in PARTS:
        rows = data.part(part)
        held, padded = stored(data, part), rows.histories[0].padded(slice(None))
        for place, at in enumerate(rows.dense[:, 0]):
            row = Actions.frame.iloc[round(float(at) * 100 + 100)].to_dict()
            expected = looped(log, row, length, delay)
            found = [(a, *("unseen" if str(v).startswith("unseen") else v for v in (i, c)), *done)
                     for a, i, c, *done in held[place]]  # fmt: skip
            assert found == list(map(plain, expected))
            for n, name in enumerate(("item", "category")):
                ids = padded.ids[place, :, n]
                same = (ids == padded.values[place, n]) & (ids > 0) & padded.known[place]
                assert same.sum() == sum(e[1 + n] == row[name] for e in expected if not pd.isna(row[name]))
            seen += len(found)
    assert seen > 300


@pytest.mark.parametrize(
    ("length", "delay", "min_count", "items"), [(50, 0.0, 1, 41), (3, 20.0, 1, 41), (50, 0.0, 12, 20)]
)
def test_rows_see_earlier_rows_of_their_user(tmp_path, length, delay, min_count, items):
    data = prepared(tmp_path, history_length=length, history_delay=delay, min_count=min_count)
    assert len(data.vocabulary("item")) < items
    assert_histories(data, Actions.frame, length, delay)


def test_rows_see_the_events_of_a_log(tmp_path):
    log = actions(1).drop(columns="row")
    log.loc[:50, "item"] = "only in the log"
    log.loc[:20, "user"] = "stranger"
    data = prepared(tmp_path, log)
    assert_histories(data, log, 50, 0.0)
    known = log.user.isin(Actions.frame.user) & log.user.notna()
    assert len(data.part("train").histories[0].events.times) == known.sum()


def test_events_later_than_the_last_row_are_counted(tmp_path):
    log = actions(1).drop(columns="row")
    assert not any("later than the last row" in one for one in prepared(tmp_path, log).manifest["warnings"])
    known = log.user.isin(Actions.frame.user) & log.user.notna()
    log.loc[known & (log.index < 30), "at"] = ROWS
    (warning,) = [one for one in prepared(tmp_path, log).manifest["warnings"] if "last row" in one]
    assert warning.startswith(f"{(log['at'] == ROWS).sum()} of {known.sum()} events of the history past")


def test_wrong_outcomes_and_logs_without_a_column_are_named(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="the events of history 'past' lack 'click'"):
        prepared(tmp_path, actions(1).drop(columns="click"))
    monkeypatch.setattr(Actions, "frame", Actions.frame.assign(click=2))
    with pytest.raises(DataError, match=r"click holds 2\.0, allowed are 0, 1 and null"):
        prepared(tmp_path)


LISTS = History("past", shared=("item",), outcomes=("buy",), lists={"item": "items", "buy": "buys"})


class Lists(Dataset):
    version, fields, labels = 1, (Sparse("item"),), (Label("click"),)
    histories = (LISTS,)
    buys = (1, 0)

    def content(self):
        return str(self.buys)

    def rows(self, db):
        rows = {"item": ["a", "b"], "click": [0, 1], "items": [["b", "z"], None], "buys": [self.buys, None]}
        return pd.DataFrame({name: column * 60 for name, column in rows.items()})


def test_lists_of_a_dataset_are_events_unless_they_are_unequal(tmp_path):
    dataset = Lists(DatasetSettings())
    data = prepare(dataset, "rows", None, tmp_path)
    rows, unseen = data.encoder.decode(data.part("train")), f"unseen #{outside([text_hash('z')])[0]}"
    for item, *events in zip(rows["item"], rows["items"], rows["buys"], strict=True):
        assert events == ([["b", unseen], [1, 0]] if item == "a" else [[], []])
    dataset.buys = (1,)
    with pytest.raises(DataError, match="a row has 2 entries in items, and 1 in buys"):
        prepare(dataset, "rows", None, tmp_path)
