"""Events of new rows, from a log."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.new_histories import entries, new_events, with_events
from automtl_core.dataset.dataset import Dataset, DatasetSettings, History, Label, RawFile, Sparse
from automtl_core.dataset.declarations import EventFacts
from automtl_core.errors import DataError, FaultyRowError

PAST = History("past", "user", "at", ("item",), ("buy",), length=3, delay=10.0)
LOG = pd.DataFrame(
    {
        "user": ["a", "a", "a", "a", "a", "b"],
        "at": ["0", "20", "20", "30", "95", "1"],
        "item": ["x", "z", "y", None, "w", "x"],
        "buy": [1.0, 0.0, np.nan, 1.0, 0.0, 1.0],
    }
)


class Shop(Dataset):
    version = 1
    fields, labels, time, user = (Sparse("user"), Sparse("item")), (Label("buy"),), "at", "user"

    def rows(self, db):
        raise NotImplementedError


def events(rows: pd.DataFrame, log: pd.DataFrame, history: History = PAST):
    with duckdb.connect() as db:
        db.register("rows", rows)
        db.register("log", log)
        return new_events(db, Shop(DatasetSettings()), history, "rows", "log")


def test_the_latest_events_before_the_delay_in_order_of_time() -> None:
    rows = pd.DataFrame({"user": ["c", "a", "a", None], "at": ["100", "100", "30", "100"], "item": "x"})
    made = events(rows, LOG)
    # The event at 95 is not known at 100, nor is that of 20 at 30. Events at the same time are sorted.
    assert made.lists(0, 4) == {
        "past:item": [[], ["y", "z", None], ["x"], []],
        "past:buy": [[], [0, 0, 1], [1], []],
        "past:automtl:age": [[], [80.0, 80.0, 70.0], [30.0], []],
    }
    assert made.lists(2, 1)["past:item"] == [["x"]]
    assert len(made.times) == 4  # of no other events
    assert made.sentence() == (
        "history past: 2 of 4 rows have events; the newest event is 30 before its row (median 50)"
    )


def test_no_event_is_said() -> None:
    rows = pd.DataFrame({"user": ["c"], "at": ["100"]})
    assert events(rows, LOG).sentence() == "history past: none of 1 rows has an event"
    assert events(rows.head(0), LOG.head(0)).lists(0, 5)["past:item"] == []


def test_dates_are_seconds_and_offsets_count() -> None:
    rows = pd.DataFrame({"user": ["a"], "at": ["2024-01-02"], "item": "x"})
    log = LOG.head(1).assign(at="2024-01-01 23:00:00")
    assert events(rows, log).lists(0, 1)["past:automtl:age"] == [[3600.0]]
    rows, log = rows.assign(at="2024-01-02 00:00+02:00"), log.assign(at="2024-01-01 23:00:00 +05")
    assert events(rows, log).lists(0, 1)["past:automtl:age"] == [[4 * 3600.0]]


KNOWN = EventFacts("number", (1.7e9, 1.71e9), ("item",), {})


def test_events_at_one_time_have_the_order_of_preparation() -> None:
    log = pd.DataFrame({"user": "a", "at": "5", "item": ["10", "9", None], "buy": 0})
    rows = pd.DataFrame({"user": ["a"], "at": ["50"]})

    def order(integers=(), **buckets):
        known = EventFacts("number", (0.0, 9.0), integers, buckets)
        return events(rows, log, History(**{**vars(PAST), "facts": known})).lists(0, 1)["past:item"]

    assert order() == [["10", "9", None]]
    assert order(("item",)) == [["9", "10", None]]
    assert order(item=7) == [["9", "10", None]]  # buckets 1 and 4


@pytest.mark.parametrize(
    ("rows", "log", "message"),
    [
        ("1700000000", "1700000000000", "those of the events from 1.7e12"),
        ("1700000000000", "1700000000", "the training rows go from 1.7e9 to 1.71e9, and those of the new"),
        ("2024-01-02", "1700000000", "new rows are dates without an offset, and those of the training rows"),
    ],
)
def test_times_of_other_units_and_forms_are_refused(rows: str, log: str, message: str) -> None:
    history = History(**{**vars(PAST), "facts": KNOWN})
    with pytest.raises(DataError) as caught:
        events(pd.DataFrame({"user": ["a"], "at": [rows]}), LOG.head(1).assign(at=log), history)
    assert message.replace("1.7e12", "1700000000000").replace("1.7e9", "1700000000").replace(
        "1.71e9", "1710000000"
    ) in str(caught.value)


@pytest.mark.parametrize("where", ["rows", "events"])
def test_a_time_that_is_none_is_named(where: str) -> None:
    rows = pd.DataFrame({"user": ["a"], "at": ["soon" if where == "rows" else "1"], "item": "x"})
    log = LOG.assign(at="soon") if where == "events" else LOG
    with pytest.raises(FaultyRowError, match="the time at holds 'soon'") as caught:
        events(rows, log)
    assert (caught.value.table, caught.value.row) == ("rows" if where == "rows" else "log", 0)


def test_entries_keep_blanks_so_that_lists_stay_aligned() -> None:
    assert entries("a||b", "|") == ["a", "", "b"]
    assert entries("", "|") == entries(None, "|") == entries(float("nan"), "|") == []
    assert entries(np.array([1, 2]), "|") == [1, 2]


def test_files_have_list_columns_unless_they_have_no_header() -> None:
    file = with_events(RawFile("new.csv", {}), Shop(DatasetSettings()), [PAST], False)
    assert list(file.columns) == ["past:item", "past:buy", "past:automtl:age"]
    with pytest.raises(DataError, match="files without a header cannot hold lists of events"):
        with_events(RawFile("new.csv", {}, header=False), Shop(DatasetSettings()), [PAST], False)


def test_a_log_has_a_column_for_each_part() -> None:
    columns = Shop(DatasetSettings()).event_file("log.csv", PAST).columns
    assert {*columns} == {"user", "item", "at", "buy"}
