"""Columns and order of events, the events of rows, and those of new rows."""

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from failures import but

from automtl_core.data.event_log import events_of_file, label_of, new_events, order_of, outcome_of, spans
from automtl_core.dataset.dataset import Dataset, DatasetSettings, History, Label, Sparse
from automtl_core.dataset.declarations import EventFacts
from automtl_core.errors import DataError, FaultyRowError

LABELS = {
    "click": Label("click", positive=("yes", "it's")),
    "buy": Label("buy", given="click"),
    "price": Label("price", kind="regression"),
}
LOGGED = History("past", "user", "at", ("item",), ("click", "buy"))


class Shop(Dataset):
    version = 1
    fields, labels, time = (Sparse("user"), Sparse("item")), tuple(LABELS.values()), "at"

    def rows(self, db):
        raise NotImplementedError


def events(history, *values):
    columns = ('"user"', "item", '"at"', "click", "buy")
    with duckdb.connect() as db:
        named = ", ".join(f"col{place} AS {name}" for place, name in enumerate(columns))
        db.values(*values).project(named).create("log")
        made = events_of_file(db, Shop(DatasetSettings()), history, "log")
        return sorted(made.project(", ".join(columns)).fetchall())


def test_labels_and_rows_of_a_log_are_those_of_preparation():
    with duckdb.connect() as db:
        rows = [("yes", 1, "buy"), ("it's", 0, "view"), ("no", 1, None), (None, 1, "buy")]
        log = db.values(*rows).project("col0 AS click, col1 AS buy, col2 AS event")
        columns = [label_of("click", LABELS), label_of("buy", LABELS), outcome_of("event=buy")]
        found = log.project(", ".join(columns)).fetchall()
    assert found == [(1, 1, True), (1, 0, False), (0, None, None), (None, None, True)]
    assert outcome_of("click") == '"click"'
    rows = [("a", "x", "7", "yes", 1), ("a", "x", "7", "yes", 1), ("a", "y", "8", "no", 1)]
    assert events(LOGGED, *rows) == [("a", "x", 7, 1, 1), ("a", "x", 7, 1, 1), ("a", "y", 8, 0, None)]
    assert events(replace(LOGGED, distinct=True), *rows) == [("a", "x", 7, 1, 1), ("a", "y", 8, 0, None)]


def test_numbers_in_place_of_texts_are_refused():
    with pytest.raises(DataError, match="the events hold 0 and 1 as click, and the training rows texts"):
        events(LOGGED, ("a", "x", "7", "1", 1), ("a", "x", "8", "0", 1))
    assert len(events(LOGGED, ("a", "x", "7", "no", 1))) == 1


def test_events_at_one_time_are_in_the_order_of_their_buckets():
    history = replace(LOGGED, facts=EventFacts("number", (0.0, 1.0), (), {"item": 7}))
    order = order_of(history, "item", "item")
    items = duckdb.sql("SELECT unnest(['10', '9']) AS item").order(order)
    assert items.fetchall() == [("9",), ("10",)], "of the buckets 1 and 4"


def test_the_events_of_a_row_are_those_before_it():
    times, starts = np.array([1.0, 2, 2, 5, 0, 3]), np.array([0, 4, 6])
    owners, now = np.array([0, 0, 1, -1, 0]), np.array([2.0, 9, 4, 9, 0])
    history = History("past", "user", "at", length=2)
    assert spans(times, starts, owners, now, history).tolist() == [[0, 1], [2, 4], [4, 6], [0, 0], [0, 0]]
    later = replace(history, delay=4.0)
    assert spans(times, starts, owners, now, later).tolist() == [[0, 0], [1, 3], [4, 4], [0, 0], [0, 0]]


PAST = History("past", "user", "at", ("item",), ("buy",), length=3, delay=10.0)
LOG = pd.DataFrame(
    {
        "user": ["a", "a", "a", "a", "a", "b"],
        "at": ["0", "20", "20", "30", "95", "1"],
        "item": ["x", "z", "y", None, "w", "x"],
        "buy": [1.0, 0.0, np.nan, 1.0, 0.0, 1.0],
    }
)


def new(rows, log, history=PAST):
    with duckdb.connect() as db:
        db.register("rows", rows)
        db.register("log", log)
        stall = but(Shop, labels=(Label("buy"),), user="user")
        return new_events(db, stall(DatasetSettings()), history, "rows", "log")


def test_the_latest_events_before_the_delay_in_order_of_time():
    rows = pd.DataFrame({"user": ["c", "a", "a", None], "at": ["100", "100", "30", "100"], "item": "x"})
    made = new(rows, LOG)
    # The event at 95 is not known at 100, nor is that of 20 at 30. Events at the same time are sorted.
    assert made.lists(0, 4) == {
        "past:item": [[], ["y", "z", None], ["x"], []],
        "past:buy": [[], [0, 0, 1], [1], []],
        "past:automtl:age": [[], [80.0, 80.0, 70.0], [30.0], []],
    }
    assert made.lists(2, 1)["past:item"] == [["x"]]
    assert new(rows.head(0), LOG.head(0)).lists(0, 5)["past:item"] == []
    assert new(rows.head(1), LOG).sentence() == "history past: none of 1 rows has an event"
    assert len(made.times) == 4  # of no other events
    assert made.sentence() == (
        "history past: 2 of 4 rows have events; the newest event is 30 before its row (median 50)"
    )


@pytest.mark.parametrize(
    ("rows", "log", "message"),
    [
        ("1700000000", "1700000000000", "those of the events from 1700000000000"),
        ("1700000000000", "1700000000", "the training rows go from 1700000000 to 1710000000, and those of"),
        ("2024-01-02", "1700000000", "new rows are dates without an offset, and those of the training rows"),
    ],
)
def test_times_of_other_units_and_forms_are_refused(rows, log, message):
    known = replace(PAST, facts=EventFacts("number", (1.7e9, 1.71e9), ("item",), {}))
    with pytest.raises(DataError, match=message):
        new(pd.DataFrame({"user": ["a"], "at": [rows]}), LOG.head(1).assign(at=log), known)


@pytest.mark.parametrize("where", ["rows", "events"])
def test_a_time_that_is_none_is_named(where):
    rows = pd.DataFrame({"user": ["a"], "at": ["soon" if where == "rows" else "1"], "item": "x"})
    log = LOG.assign(at="soon") if where == "events" else LOG
    with pytest.raises(FaultyRowError, match="the time at holds 'soon'") as caught:
        new(rows, log)
    assert (caught.value.table, caught.value.row) == ("rows" if where == "rows" else "log", 0)
