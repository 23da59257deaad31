"""Tables whose rows are ranked against each other: columns of lists, times, and new rows."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.new_rows import new_rows
from automtl_core.errors import DataError, UsageError
from tests.datasets.tables import table

SHOWN = {"sparse": ["user", "item"], "user": "user", "time": "at"}
PARTS = ("train", "validation", "test")


def shown(rows=300, unit=1, start=1_700_000_000):
    """Return rows in requests of five, ten minutes apart; some have no request."""
    n = np.arange(rows)
    return pd.DataFrame(
        {
            "request": [None if k % 50 == 0 else f"r{k // 5}" for k in n],
            "user": [f"u{k // 5 % 7}" for k in n],
            "item": [f"i{k % 11}" for k in n],
            "at": (start + 600 * (n // 5) + n % 5) * unit,
            "click": n % 3 % 2,
        }
    )


def csv(frame, header=True):
    return frame.to_csv(index=False, header=header)


def count(data):
    """Return the number of lists, and of rows in none."""
    numbers = np.concatenate([data.part(name).lists for name in PARTS])
    return len(set(numbers.tolist()) - {0}), int((numbers == 0).sum())


def test_a_column_of_lists_is_read_and_no_field(prepared):
    data = prepared({"clicks.csv": csv(shown())}, **SHOWN, split="time", list="request")
    assert [field.name for field in data.schema.sparse] == ["user", "item"]
    assert count(data) == (60, 6)
    assert (data.schema.lists.by, data.schema.lists.time) == (("request",), "at")


def test_files_without_a_header(prepared):
    frame = shown()
    settings = {"columns": [*frame.columns], "list": ["user", "request"]}
    data = prepared({"clicks.csv": csv(frame, header=False)}, **SHOWN, **settings)
    assert count(data) == (60, 6)


def test_gaps_need_a_time_and_read_it_under_a_random_split_too(prepared):
    files = {"clicks.csv": csv(shown())}
    lists = {"list": {"user": None, "gap": "30m"}}
    assert count(prepared(files, **SHOWN, **lists)) == (60, 0)  # a user comes back after 70 minutes
    assert count(prepared(files, **SHOWN, list={"user": None, "gap": "2h"})) == (7, 0)
    with pytest.raises(UsageError, match=r"dataset\.list .* has a gap or periods, and there is no time"):
        prepared(files, **{**SHOWN, "time": None}, **lists)


@pytest.mark.parametrize(("name", "unit"), [("ms", 1000), ("us", 10**6), ("ns", 10**9)])
def test_times_that_are_numbers_have_a_unit(prepared, name, unit):
    files = {"clicks.csv": csv(shown(unit=unit))}
    lists = {"list": {"user": None, "gap": "30m"}}
    assert count(prepared(files, **SHOWN, **lists, time_unit=name)) == (60, 0)
    with pytest.raises(DataError, match=rf"recent years in {name}, but not in s") as caught:
        prepared(files, **SHOWN, **lists)
    assert caught.value.fix == f"name their unit: --set dataset.time_unit={name}"


def test_seconds_are_no_milliseconds_and_other_counts_and_dates_have_any_unit(prepared):
    with pytest.raises(DataError, match="recent years in s, but not in ms"):
        prepared({"clicks.csv": csv(shown())}, **SHOWN, split="time", time_unit="ms")
    for start in (0, 20_240_131):
        prepared({"clicks.csv": csv(shown(start=start))}, **SHOWN, split="time", time_unit="ms")
    dated = shown()
    dated["at"] = pd.to_datetime(dated["at"], unit="s").dt.tz_localize("UTC").astype(str)
    settings = {"list": {"user": None, "gap": "30m"}, "time_unit": "ms"}
    assert count(prepared({"clicks.csv": csv(dated)}, **SHOWN, **settings)) == (60, 0)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"list": "click"}, UsageError, "dataset.list names 'click', and so does labels"),
        ({"list": "price", "dense": ["price"]}, UsageError, "dataset.list names 'price', and so does dense"),
        ({"list": "reqest"}, DataError, r"the header lacks 'reqest' \(did you mean 'request'"),
        ({"list": "reqest", "columns": [*shown().columns]}, UsageError, "list names 'reqest', .*'request'"),
    ],
)
def test_errors_name_the_setting_and_suggest_a_column(prepared, settings, error, words):
    with pytest.raises(error, match=words) as caught:
        prepared({"clicks.csv": csv(shown())}, **SHOWN, **settings)
    assert "dataset.list" in f"{caught.value} {caught.value.fix}"


def read(dataset, rows, data, tmp_path, **how):
    """Return the numbers of the lists of new rows, from a frame and from a file."""
    rule = {"rule": data.schema.lists, "histories": data.schema.histories, **how}
    of_frame = frame_rows(NewExamples(dataset, rows, **rule))
    rows.to_csv(tmp_path / "new.csv", index=False)
    with new_rows(NewExamples(dataset, tmp_path / "new.csv", tmp_path, **rule)) as of_file:
        if of_frame.lists is None:
            assert of_file.lists is None
            return None
        assert of_file.lists.tolist() == of_frame.lists.tolist()
        return of_file.lists.tolist()


def test_new_rows_read_columns_of_lists_for_metrics_and_events(prepared, tmp_path):
    settings = {**SHOWN, "split": "time", "list": "request"}
    data, dataset, rows = prepared({"clicks.csv": csv(shown())}, **settings), table(**settings), shown(10)
    wanted = [0, *[1] * 4, *[2] * 5]
    assert read(dataset, rows, data, tmp_path, labelled=True) == wanted
    assert read(dataset, rows.drop(columns="at"), data, tmp_path, labelled=True) == wanted
    assert read(dataset, rows[["user", "item"]], data, tmp_path) is None
    with pytest.raises(DataError, match="lack 'request'"):
        frame_rows(NewExamples(dataset, rows.drop(columns="request"), rule=data.schema.lists, labelled=True))
    rows.drop(columns="request").to_csv(tmp_path / "new.csv", index=False)
    new = NewExamples(dataset, tmp_path / "new.csv", tmp_path, rule=data.schema.lists, labelled=True)
    lacks = pytest.raises(DataError, match="lacks 'request': rows form lists by request")
    with lacks, new_rows(new):
        pass


def test_blanks_of_the_table_are_in_no_list_in_new_rows_too(prepared, tmp_path):
    rows = shown(10).fillna("NA")
    settings = {**SHOWN, "list": "request", "blanks": "NA"}
    files = {"clicks.csv": csv(shown().fillna("NA"))}
    data, dataset = prepared(files, **settings), table(**settings)
    assert count(data) == (60, 6)
    assert read(dataset, rows, data, tmp_path, labelled=True) == [0, *[1] * 4, *[2] * 5]


def test_new_rows_need_times_where_gaps_divide_lists(prepared, tmp_path):
    settings = {**SHOWN, "list": {"user": None, "gap": "30m"}}
    data, dataset, rows = prepared({"clicks.csv": csv(shown())}, **settings), table(**settings), shown(10)
    assert read(dataset, rows, data, tmp_path, labelled=True) == [*[1] * 5, *[2] * 5]
    with pytest.raises(DataError, match="lack 'at'"):
        read(dataset, rows.drop(columns="at"), data, tmp_path, labelled=True)


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_events_of_new_rows_come_before_their_list(prepared, tmp_path, duplicates):
    settings = {**SHOWN, "split": "time", "list": "request", "history": {}, "duplicates": duplicates}
    data, dataset = prepared({"clicks.csv": csv(shown())}, **settings), table(**settings)
    how = {"rule": data.schema.lists, "histories": data.schema.histories, "log": shown()}
    rows = frame_rows(NewExamples(dataset, shown()[35:45].drop(columns="click"), **how))
    part = data.encoder.encode(next(rows.chunks(10)), labelled=False)
    # Five events of the user's first request; a list does not see itself.
    assert [len(of_row) for of_row in data.encoder.decode(part)["past:click"]] == [5] * 10


def test_rows_that_differ_in_their_list_alone_are_different_events(prepared, tmp_path):
    settings = {**SHOWN, "split": "time", "list": "request", "history": {}, "duplicates": "drop"}
    frame = pd.concat([shown(), shown()[:5], shown()[:5].assign(request="again")], ignore_index=True)
    data, dataset = prepared({"clicks.csv": csv(frame)}, **settings), table(**settings)
    assert sum(data.manifest["rows"].values()) == 305  # of 310, since equal rows are one
    how = {"rule": data.schema.lists, "histories": data.schema.histories, "log": frame}
    rows = frame_rows(NewExamples(dataset, frame[35:40], **how))
    part = data.encoder.encode(next(rows.chunks(10)), labelled=False)
    assert [len(of_row) for of_row in data.encoder.decode(part)["past:click"]] == [10] * 5
