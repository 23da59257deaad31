"""Examples in memory are checked and read as the same rows in a file are."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows, with_events
from automtl_core.data.new_rows import new_rows
from automtl_core.dataset.dataset import BIT, Bag, Column, Dataset, Dense, Label, RawFile, Sparse
from automtl_core.dataset.declarations import History
from automtl_core.errors import DataError


class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Bag("tags", " "), Dense("age", missing=30.0), Dense("price"))
    labels = (Label("click"), Label("spent", "regression"))

    def rows(self, db):
        raise NotImplementedError

    def values(self, db, field):
        raise NotImplementedError


class Numbered(Shop):
    """Users are whole numbers, and cities are some."""

    fields = (Sparse("user"), Sparse("city"))

    def new_file(self, path, labelled):
        columns = {"user": Column("integer"), "city": Column(among=("kiel", "ulm")), "idle": Column("unused")}
        return RawFile(path, columns | ({"click": BIT} if labelled else {}), others=True)


def shop(cls=Shop, **settings):
    return cls(cls.settings_class.parse(settings, "dataset"))


def good(**changes):
    return pd.DataFrame({"user": ["u", "v"], "tags": ["a b", ""], "age": [3, 4], "price": [0.5, 1]} | changes)


def taken(dataset, frame, labelled=False):
    """Return what the encoder is given, without indices."""
    rows = frame_rows(NewExamples(dataset, frame, labelled=labelled))
    return pd.concat(list(rows.chunks(2)), ignore_index=True)


DATES = pd.to_datetime(["2024-01-31", "2024-01-31 10:00:00.5", None], format="mixed")
TEXTS = {
    "text": (pd.Series(["a", "", None, "nan", " b "]), ["a", None, None, "nan", " b "]),
    "boolean": (pd.Series([True, False]), ["1", "0"]),
    "boolean with gaps": (pd.Series([True, None], dtype="boolean"), ["1", None]),
    "objects of truth": (pd.Series([True, None], dtype=object), ["1", None]),
    "integer": (pd.Series([7, -1]), ["7", "-1"]),
    "integer with gaps": (pd.Series([2**60 + 1, None], dtype="Int64"), [str(2**60 + 1), None]),
    "double": (
        pd.Series([1.0, 0.1, 1e15, 1e16, 1e-5, 1e300, np.inf, np.nan, -0.0]),
        ["1.0", "0.1", "1000000000000000.0", "1e+16", "1e-05", "1e+300", "inf", None, "-0.0"],
    ),
    "single": (
        pd.Series([1.0, 0.1, 1e15, 1e16, 1e-4, np.nan], dtype="float32"),
        ["1.0", "0.1", "1000000000000000.0", "1e+16", "0.0001", None],
    ),
    "moment": (pd.Series(DATES), ["2024-01-31 00:00:00", "2024-01-31 10:00:00.5", None]),
    "nanoseconds": (
        pd.Series(pd.to_datetime(["2024-01-31 10:00:00.123456789"])),
        ["2024-01-31 10:00:00.123456789"],
    ),
    "zoned": (
        pd.Series(DATES.tz_localize("Asia/Kolkata")),
        ["2024-01-30 18:30:00+00", "2024-01-31 04:30:00.5+00", None],
    ),
    "date": (pd.Series([date(2024, 1, 31)]), ["2024-01-31"]),
    "decimal": (pd.Series([Decimal("1.50")]), ["1.50"]),
    "uuid": (pd.Series([UUID(int=5)]), ["00000000-0000-0000-0000-000000000005"]),
    "category": (pd.Series(["a", None], dtype="category"), ["a", None]),
}


@pytest.mark.parametrize("users", [["5.0", None, "-7.0"], [5.0, np.nan, -7.0], ["5", "", "-7"]])
def test_integers_as_data_frames_write_them(users, tmp_path):
    frame = pd.DataFrame({"user": users, "city": "kiel", "idle": 1})
    frame.to_csv(tmp_path / "a.csv", index=False)
    duckdb.from_df(frame).write_parquet(str(tmp_path / "a.parquet"))
    for name in ("a.csv", "a.parquet"):
        with new_rows(NewExamples(shop(Numbered), tmp_path / name, tmp_path)) as rows:
            (read,) = rows.chunks(100)
        assert [None if pd.isna(text) else text for text in read["user"]] == ["5", None, "-7"]
    assert taken(shop(Numbered), frame)["user"].fillna("").tolist() == ["5", "", "-7"]


@pytest.mark.parametrize(("column", "expected"), TEXTS.values(), ids=TEXTS)
def test_values_become_the_same_texts_as_in_a_file_whatever_the_zone_of_the_machine(
    column, expected, tmp_path, monkeypatch
):
    monkeypatch.setenv("TZ", "America/New_York")
    frame = pd.DataFrame({"user": column, "tags": "a", "age": 1, "price": 1})
    path = tmp_path / "new.parquet"
    with duckdb.connect() as db:
        db.register("frame", frame)
        db.execute(f"COPY (FROM frame) TO '{path}' (FORMAT parquet)")
    with new_rows(NewExamples(shop(), path, tmp_path)) as rows:
        (read,) = rows.chunks(100)
    assert [None if pd.isna(text) else text for text in read["user"]] == expected
    direct = taken(shop(), frame)["user"]
    assert [None if pd.isna(text) else text for text in direct] == expected


def test_blanks_bags_and_columns_with_a_value_for_blanks():
    examples = {"price": [None, "1"], "tags": [["x", None, 7], "b  c "], "user": ["", 9007199254740993]}
    read = taken(shop(), examples)
    assert pd.isna(read["user"].iloc[0])
    assert read["user"].iloc[1] == "9007199254740993"
    assert read["tags"].tolist() == [["x", "7"], ["b", "c"]]
    assert np.isnan(read["price"].iloc[0])
    assert read["price"].iloc[1] == 1
    assert read["age"].isna().all()


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (good(price=[1, "old"]), r'row 1 \(the first one is 0\): price: expected a number, found "old"'),
        (good(price=[1, 1e39]), r"row 1 .*price: expected a number of at most 1e\+38, found"),
        (good(price=[np.inf, 1]), r"row 0 .*price: expected a finite number, found"),
        (good(price=[1, "nan"]), r"row 1 .*price: expected a finite number"),
        (good(age=["x", 1], price=["y", 2]), r"row 0 .*age: expected a number"),
        (good(user=[["u"], "v"]), r"row 0 .*user: expected one text or number, found"),
        (good(user=[b"u", "v"]), r"row 0 .*user: expected one text or number, found"),
        (good(tags=[["a"], ["b c"]]), r"row 1 .*tags: expected values without ' ', found"),
        (good(tags=[["a"], [["b"]]]), r"row 1 .*tags: expected values without ' ', found"),
        (
            good().drop(columns=["tags", "user"]).assign(usr=1),
            r"lack 'user' \(did you mean 'usr'\?\), 'tags'",
        ),
        (pd.concat([good(), good()[["user"]]], axis=1), "two columns of the examples are called 'user'"),
        ({**good(), "user": "u1"}, "column 'user' is one value"),
        ({**good(), "user": ["u1"]}, "column 'tags' has 2 rows, and 'user' has 1"),
    ],
)
def test_what_is_wrong_is_named(frame, told):
    with pytest.raises(DataError, match=told) as error:
        frame_rows(NewExamples(shop(), frame))
    assert error.value.fix


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ({"user": [1, 2.5], "city": ["ulm", "ulm"]}, r'row 1 .*user: expected an integer, found "2.5"'),
        ({"user": ["01"], "city": ["ulm"]}, "user: expected an integer without plus or leading zeros"),
        ({"user": [1], "city": ["bonn"]}, 'city: expected kiel or ulm, found "bonn"'),
        ({"user": [1], "city": ["ulm"], "click": [2]}, 'click: expected 0 or 1, found "2"'),
    ],
)
def test_values_are_as_they_are_declared(frame, told):
    with pytest.raises(DataError, match=told):
        frame_rows(NewExamples(shop(Numbered), frame, labelled="click" in frame))


def test_faulty_rows_are_left_out_up_to_a_number():
    frame = good(price=["old", 1])
    rows = frame_rows(NewExamples(shop(), frame, most=100))
    assert [fault.line for _, fault in rows.rejected] == [1]
    assert len(rows) == 1
    assert next(rows.chunks(5))["user"].tolist() == ["v"]
    with pytest.raises(DataError, match="price: expected a number"):
        frame_rows(NewExamples(shop(), frame, most=0))
    assert len(frame_rows(NewExamples(shop(), frame.head(1), most=100))) == 0


def test_columns_that_are_not_read_may_lack_and_are_not_checked():
    unread = ["tags", "price"]
    (rows,) = frame_rows(
        NewExamples(shop(), good(price=["old", 1]).drop(columns="tags"), unread=unread)
    ).chunks(5)
    assert rows["user"].tolist() == ["u", "v"]
    assert rows["tags"].tolist() == [[], []]
    assert rows["price"].isna().all()


def test_examples_are_not_modified():
    frame = good(price=pd.Series(["1", ""], dtype=object), tags=[["a", None], np.array(["b"])])
    before = frame.copy(deep=True)
    taken(shop(), frame)
    pd.testing.assert_frame_equal(frame, before)
    assert frame["tags"].iloc[0] == ["a", None]


PAST = History("past", "user", "at", ("item",), ("buy",), length=3, delay=10.0)


def test_files_have_list_columns_unless_they_have_no_header():
    file = with_events(RawFile("new.csv", {}), shop(), [PAST], False)
    assert list(file.columns) == ["past:item", "past:buy", "past:automtl:age"]
    with pytest.raises(DataError, match="files without a header cannot hold lists of events"):
        with_events(RawFile("new.csv", {}, header=False), shop(), [PAST], False)
