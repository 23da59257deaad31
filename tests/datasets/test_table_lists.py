"""Histories that a table holds as lists in its rows, and rows that are ranked against each other."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import PARTS
from automtl_core.errors import DataError, UsageError

from .tables import table

LISTS = {"item": "items", "shop": "shops", "click": "clicks", "price": "prices", "age": "ages"}


def with_lists(rows=300, seed=0):
    """Return rows with up to six events each; some entries are blank, some items are in no row."""
    random = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "row": np.arange(rows),
            "item": random.integers(1, 30, rows),
            "shop": [f"s{n}" for n in random.integers(0, 4, rows)],
            "click": random.integers(0, 2, rows),
        }
    )
    counts = random.integers(0, 7, rows)
    made["items"] = [["" if n < 2 else str(n) for n in random.integers(0, 40, k)] for k in counts]
    made["shops"] = [[f"s{n}" for n in random.integers(0, 4, k)] for k in counts]
    made["clicks"] = [[str(n) for n in random.integers(0, 2, k)] for k in counts]
    made["prices"] = [["" if n == 3 else str(n / 4) for n in random.integers(0, 9, k)] for k in counts]
    made["ages"] = [[str(n) for n in sorted(random.integers(1, 900, k), reverse=True)] for k in counts]
    return made


def csv(made, sign="|"):
    texts = {name: [sign.join(one) for one in made[name]] for name in LISTS.values()}
    return made.assign(**texts).to_csv(index=False)


SETTINGS = {
    "files": "t.csv",
    "sparse": {"item": "integer", "shop": "text"},
    "dense": {"row": {"scaling": "none"}},
    "labels": ["click"],
    "history": {"lists": LISTS, "numbers": {"price": {"scaling": "none"}}},
}


def events(data):
    """Return the decoded lists of each row, by the number of the row."""
    found = {}
    for part in PARTS:
        rows = data.encoder.decode(data.part(part))
        for place, row in enumerate(rows["row"]):
            found[int(row)] = [rows[column][place] for column in LISTS.values()]
    return found


@pytest.mark.parametrize("length", [50, 3])
def test_rows_have_the_events_of_their_lists_under_a_random_split(prepared, length):
    made = with_lists()
    data = prepared({"t.csv": csv(made)}, **SETTINGS, history_length=length)
    known, found = set(data.vocabulary("item")), events(data)
    for row in made.to_dict("records"):
        items, shops, clicks, prices, ages = (row[column][-length:] for column in LISTS.values())
        numbers = [float(price) if price else None for price in prices]
        assert found[row["row"]][1:] == [shops, [*map(int, clicks)], numbers, [*map(float, ages)]]
        for raw, decoded in zip(items, found[row["row"]][0], strict=True):
            assert decoded == (raw or None) if raw in {*known, ""} else int(decoded) >= 2**62


def test_values_that_no_row_has_match_in_lists_only(prepared):
    made = with_lists()
    data = prepared({"t.csv": csv(made)}, **SETTINGS)
    (history,) = data.part("train").histories
    assert (history.events.ids[:, 0] >= data.schema.sparse[0].size).any()
    assert (history.values[:, 0] < data.schema.sparse[0].size).all()


def test_formats_and_separators_are_equal(prepared, tmp_path):
    made = with_lists()
    first = prepared({"t.csv": csv(made)}, **SETTINGS)
    other = prepared(
        {"u.csv": csv(made, " ")},
        **{**SETTINGS, "files": "u.csv", "history": {**SETTINGS["history"], "separator": " "}},
    )
    with duckdb.connect() as db:
        db.register("made", made)
        db.execute(f"COPY (FROM made) TO '{tmp_path / 't.parquet'}'")
    third = prepared({}, **{**SETTINGS, "files": "t.parquet"})
    assert events(first) == events(other) == events(third)


def test_without_ages_the_age_of_an_event_is_its_rank(prepared):
    made = with_lists()
    lists = {name: column for name, column in LISTS.items() if name != "age"}
    data = prepared({"t.csv": csv(made)}, **{**SETTINGS, "history": {**SETTINGS["history"], "lists": lists}})
    padded = data.part("train").histories[0].padded(slice(None))
    ranks = np.arange(1, padded.known.shape[1] + 1)
    assert (padded.ages == ranks * padded.known).all()


FAULTY = [
    {"shops": ["s1"]},
    {"ages": ["7", "old"]},
    {"ages": ["7", "-1"]},
    {"clicks": ["1", "2"]},
    {"prices": ["1", "low"]},
]


def test_faulty_lists_are_named(prepared, golden):
    made = with_lists()
    whole = {"items": ["1", "2"], "shops": ["s1", "s2"], "clicks": ["0", "1"], "ages": ["9", "8"]}

    def prepare(faulty):
        for name, held in {**whole, "prices": ["1", "2"], **faulty}.items():
            made.at[2, name] = held
        prepared({"t.csv": csv(made)}, **SETTINGS)

    golden.errors("faulty-lists.txt", prepare, FAULTY)


SHOWN = {"sparse": ["user", "item"], "user": "user", "time": "at"}


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


def file_of(frame, header=True):
    return frame.to_csv(index=False, header=header)


def count(data):
    """Return the number of lists, and of rows in none."""
    numbers = np.concatenate([data.part(name).lists for name in PARTS])
    return len(set(numbers.tolist()) - {0}), int((numbers == 0).sum())


def test_a_column_of_lists_is_read_and_no_field(prepared):
    data = prepared({"clicks.csv": file_of(shown())}, **SHOWN, split="time", list="request")
    assert [field.name for field in data.schema.sparse] == ["user", "item"]
    assert count(data) == (60, 6)
    assert (data.schema.lists.by, data.schema.lists.time) == (("request",), "at")


def test_files_without_a_header(prepared):
    frame = shown()
    settings = {"columns": [*frame.columns], "list": ["user", "request"]}
    data = prepared({"clicks.csv": file_of(frame, header=False)}, **SHOWN, **settings)
    assert count(data) == (60, 6)


def test_gaps_need_a_time_and_read_it_under_a_random_split_too(prepared):
    files = {"clicks.csv": file_of(shown())}
    lists = {"list": {"user": None, "gap": "30m"}}
    assert count(prepared(files, **SHOWN, **lists)) == (60, 0)  # a user comes back after 70 minutes
    assert count(prepared(files, **SHOWN, list={"user": None, "gap": "2h"})) == (7, 0)
    with pytest.raises(UsageError, match=r"dataset\.list .* has a gap or periods, and there is no time"):
        prepared(files, **{**SHOWN, "time": None}, **lists)


@pytest.mark.parametrize(("name", "unit"), [("ms", 1000), ("us", 10**6), ("ns", 10**9)])
def test_times_that_are_numbers_have_a_unit(prepared, name, unit):
    files = {"clicks.csv": file_of(shown(unit=unit))}
    lists = {"list": {"user": None, "gap": "30m"}}
    assert count(prepared(files, **SHOWN, **lists, time_unit=name)) == (60, 0)
    with pytest.raises(DataError, match=rf"recent years in {name}, but not in s") as caught:
        prepared(files, **SHOWN, **lists)
    assert caught.value.fix == f"name their unit: --set dataset.time_unit={name}"


def test_seconds_are_no_milliseconds_and_other_counts_and_dates_have_any_unit(prepared):
    with pytest.raises(DataError, match="recent years in s, but not in ms"):
        prepared({"clicks.csv": file_of(shown())}, **SHOWN, split="time", time_unit="ms")
    for start in (0, 20_240_131):
        prepared({"clicks.csv": file_of(shown(start=start))}, **SHOWN, split="time", time_unit="ms")
    dated = shown()
    dated["at"] = pd.to_datetime(dated["at"], unit="s").dt.tz_localize("UTC").astype(str)
    settings = {"list": {"user": None, "gap": "30m"}, "time_unit": "ms"}
    assert count(prepared({"clicks.csv": file_of(dated)}, **SHOWN, **settings)) == (60, 0)


WRONG = [
    {"list": "click"},
    {"list": "price", "dense": ["price"]},
    {"list": "reqest"},
    {"list": "reqest", "columns": [*shown().columns]},
]


def test_errors_name_the_setting_and_suggest_a_column(prepared, golden):
    golden.errors(
        "wrong-list.txt", lambda wrong: prepared({"clicks.csv": file_of(shown())}, **SHOWN, **wrong), WRONG
    )


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
    data, dataset, rows = (
        prepared({"clicks.csv": file_of(shown())}, **settings),
        table(**settings),
        shown(10),
    )
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
    files = {"clicks.csv": file_of(shown().fillna("NA"))}
    data, dataset = prepared(files, **settings), table(**settings)
    assert count(data) == (60, 6)
    assert read(dataset, rows, data, tmp_path, labelled=True) == [0, *[1] * 4, *[2] * 5]


def test_new_rows_need_times_where_gaps_divide_lists(prepared, tmp_path):
    settings = {**SHOWN, "list": {"user": None, "gap": "30m"}}
    data, dataset, rows = (
        prepared({"clicks.csv": file_of(shown())}, **settings),
        table(**settings),
        shown(10),
    )
    assert read(dataset, rows, data, tmp_path, labelled=True) == [*[1] * 5, *[2] * 5]
    with pytest.raises(DataError, match="lack 'at'"):
        read(dataset, rows.drop(columns="at"), data, tmp_path, labelled=True)


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_events_of_new_rows_come_before_their_list(prepared, tmp_path, duplicates):
    settings = {**SHOWN, "split": "time", "list": "request", "history": {}, "duplicates": duplicates}
    data, dataset = prepared({"clicks.csv": file_of(shown())}, **settings), table(**settings)
    how = {"rule": data.schema.lists, "histories": data.schema.histories, "log": shown()}
    rows = frame_rows(NewExamples(dataset, shown()[35:45].drop(columns="click"), **how))
    part = data.encoder.encode(next(rows.chunks(10)), labelled=False)
    # Five events of the user's first request; a list does not see itself.
    assert [len(of_row) for of_row in data.encoder.decode(part)["past:click"]] == [5] * 10


def test_rows_that_differ_in_their_list_alone_are_different_events(prepared, tmp_path):
    settings = {**SHOWN, "split": "time", "list": "request", "history": {}, "duplicates": "drop"}
    frame = pd.concat([shown(), shown()[:5], shown()[:5].assign(request="again")], ignore_index=True)
    data, dataset = prepared({"clicks.csv": file_of(frame)}, **settings), table(**settings)
    assert sum(data.manifest["rows"].values()) == 305  # of 310, since equal rows are one
    how = {"rule": data.schema.lists, "histories": data.schema.histories, "log": frame}
    rows = frame_rows(NewExamples(dataset, frame[35:40], **how))
    part = data.encoder.encode(next(rows.chunks(10)), labelled=False)
    assert [len(of_row) for of_row in data.encoder.decode(part)["past:click"]] == [10] * 5
