"""Lists of events for new rows, from a log."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.new_histories import entries, lists_of_log, log_file, with_lists
from automtl_core.dataset.dataset import DatasetSettings, History, Label, RawFile, Sparse
from automtl_core.errors import DataError, FaultyRowError

PAST = History("past", "user", "at", ("item",), ("buy",), length=3, delay=10.0)


class Shop:
    """As much of a dataset as counts here."""

    fields, labels, time, time_column = (Sparse("user"), Sparse("item")), (Label("buy"),), "at", "at"
    settings = DatasetSettings()

    def files(self):
        return {}


def lists(rows: pd.DataFrame, log: pd.DataFrame) -> dict[str, list[list[object]]]:
    with duckdb.connect() as db:
        db.register("rows", rows)
        db.register("log", log)
        return lists_of_log(db, Shop(), PAST, "rows", "log")  # type: ignore[arg-type]


LOG = pd.DataFrame(
    {
        "user": ["a", "a", "a", "a", "a", "b"],
        "at": ["0", "20", "20", "30", "95", "1"],
        "item": ["x", "z", "y", None, "w", "x"],
        "buy": [1.0, 0.0, np.nan, 1.0, 0.0, 1.0],
    }
)


def test_the_latest_events_before_the_delay_in_order_of_time() -> None:
    rows = pd.DataFrame({"user": ["c", "a", "a"], "at": ["100", "100", "30"], "item": "x"})
    found = lists(rows, LOG)
    # The event at 95 is not known at 100, nor is that of 20 at 30. Events at the same time are sorted.
    assert found["past:item"] == [[], ["y", "z", None], ["x"]]
    assert found["past:buy"] == [[], [0, 0, 1], [1]]
    assert found["past:age"] == [[], [80.0, 80.0, 70.0], [30.0]]


def test_dates_are_seconds() -> None:
    rows = pd.DataFrame({"user": ["a"], "at": ["2024-01-02"], "item": "x"})
    log = LOG.head(1).assign(at="2024-01-01 23:00:00")
    assert lists(rows, log)["past:age"] == [[3600.0]]


@pytest.mark.parametrize("where", ["rows", "events"])
def test_a_time_that_is_none_is_named(where: str) -> None:
    rows = pd.DataFrame({"user": ["a"], "at": ["soon" if where == "rows" else "1"], "item": "x"})
    log = LOG.assign(at="soon") if where == "events" else LOG
    with pytest.raises(FaultyRowError, match="at holds 'soon', which is no time") as caught:
        lists(rows, log)
    assert (caught.value.table, caught.value.row) == ("rows" if where == "rows" else "log", 0)


def test_entries_keep_blanks_so_that_lists_stay_aligned() -> None:
    assert entries("a||b", "|") == ["a", "", "b"]
    assert entries("", "|") == entries(None, "|") == entries(float("nan"), "|") == []
    assert entries(np.array([1, 2]), "|") == [1, 2]


def test_files_have_list_columns_unless_they_have_no_header() -> None:
    file = with_lists(RawFile("new.csv", {}), [PAST])
    assert list(file.columns) == ["past:item", "past:buy", "past:age"]
    with pytest.raises(DataError, match="files without a header cannot hold lists of events"):
        with_lists(RawFile("new.csv", {}, header=False), [PAST])


def test_a_log_has_a_column_for_each_part() -> None:
    assert list(log_file("log.csv", Shop(), PAST).columns) == ["user", "item", "at", "buy"]  # type: ignore[arg-type]
