"""Columns and order of events, and the events of rows."""

import duckdb
import numpy as np
import pytest

from automtl_core.data.event_log import (
    events_of_file,
    label_of,
    order_by_time,
    order_of,
    outcome_of,
    sorted_events,
    spans,
)
from automtl_core.dataset.dataset import Dataset, DatasetSettings, History, Label, Sparse
from automtl_core.dataset.declarations import EventFacts
from automtl_core.errors import DataError

LABELS = {
    "click": Label("click", positive=("yes", "it's")),
    "buy": Label("buy", given="click"),
    "price": Label("price", kind="regression"),
}
PAST = History("past", "user", "at", ("item",), ("click", "buy"))


class Shop(Dataset):
    version = 1
    fields, labels, time = (Sparse("user"), Sparse("item")), tuple(LABELS.values()), "at"

    def rows(self, db):
        raise NotImplementedError


def events(history: History, *values: tuple[object, ...]) -> list[tuple[object, ...]]:
    with duckdb.connect() as db:
        named = db.values(*values).project(
            'col0 AS "user", col1 AS item, col2 AS "at", col3 AS click, col4 AS buy'
        )
        named.create("log")
        made = events_of_file(db, Shop(DatasetSettings()), history, "log")
        return sorted(made.project('"user", item, "at", click, buy').fetchall())


def test_labels_are_those_of_preparation():
    with duckdb.connect() as db:
        rows = [("yes", 1, "buy"), ("it's", 0, "view"), ("no", 1, None), (None, 1, "buy")]
        log = db.values(*rows).project("col0 AS click, col1 AS buy, col2 AS event")
        columns = [label_of("click", LABELS), label_of("buy", LABELS), outcome_of("event=buy")]
        found = log.project(", ".join(columns)).fetchall()
    assert found == [(1, 1, True), (1, 0, False), (0, None, None), (None, None, True)]
    assert outcome_of("click") == '"click"'


def test_a_log_is_read_as_the_rows():
    rows = [("a", "x", "7", "yes", 1), ("a", "x", "7", "yes", 1), ("a", "y", "8", "no", 1)]
    assert events(PAST, *rows) == [("a", "x", 7, 1, 1), ("a", "x", 7, 1, 1), ("a", "y", 8, 0, None)]
    once = History(**{**vars(PAST), "distinct": True})
    assert events(once, *rows) == [("a", "x", 7, 1, 1), ("a", "y", 8, 0, None)]


def test_numbers_in_place_of_texts_are_refused():
    with pytest.raises(
        DataError, match="the events hold 0 and 1 as click, and the training rows texts: 'yes'"
    ):
        events(PAST, ("a", "x", "7", "1", 1), ("a", "x", "8", "0", 1))
    assert len(events(PAST, ("a", "x", "7", "no", 1))) == 1


@pytest.mark.parametrize(
    ("known", "items"),
    [
        (None, ["10", "9", None]),
        (EventFacts("number", (0.0, 1.0), ("item",), {}), ["9", "10", None]),
        (EventFacts("number", (0.0, 1.0), ("item",), {"item": 7}), ["9", "10", None]),  # buckets 1 and 4
    ],
)
def test_events_at_one_time_are_in_one_order(known, items):
    history = History(**{**vars(PAST), "outcomes": (), "facts": known})
    order = {"item": order_of(history, "item")}
    with duckdb.connect() as db:
        items_of_log = "unnest([NULL, '10', '9']) AS item"
        db.sql(f'SELECT 1 AS "user", 2.0 AS "at", {items_of_log}').create("log")
        query = sorted_events(
            history, "log", '"user"', '"at"', {"item": "item"}, order_by_time(history, order)
        )
        assert [item for *_, item in db.execute(query).fetchall()] == items


def test_the_events_of_a_row_are_those_before_it():
    times, starts = np.array([1.0, 2, 2, 5, 0, 3]), np.array([0, 4, 6])
    owners, now = np.array([0, 0, 1, -1, 0]), np.array([2.0, 9, 4, 9, 0])
    history = History("past", "user", "at", length=2)
    assert spans(times, starts, owners, now, history).tolist() == [[0, 1], [2, 4], [4, 6], [0, 0], [0, 0]]
    later = History("past", "user", "at", length=2, delay=4.0)
    assert spans(times, starts, owners, now, later).tolist() == [[0, 0], [1, 3], [4, 4], [0, 0], [0, 0]]
