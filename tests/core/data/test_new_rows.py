"""New examples in files and frames: read alike, their lists, which are known, and predictions beside them."""

from contextlib import nullcontext
from copy import deepcopy
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows, with_events
from automtl_core.data.known import Seen, digest_of, of_numbers, of_texts, of_times, of_values
from automtl_core.data.new_rows import check_output, new_rows, predictions_file
from automtl_core.dataset.dataset import BIT, Bag, Column, Dataset, Dense, Label, RawFile, Sparse
from automtl_core.dataset.declarations import History
from automtl_core.dataset.recorded import RecordedDataset, RowFormat
from automtl_core.errors import DataError, InputMissingError, RunExistsError, UsageError
from automtl_core.fields.field import Read


class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Bag("tags", " "), Dense("age", missing=30.0), Dense("price"))
    labels = (Label("click"), Label("spent", "regression"))

    def rows(self, db):
        raise NotImplementedError

    def values(self, db, field):
        raise NotImplementedError


def shop(cls=Shop, **settings):
    return cls(cls.settings_class.parse(settings, "dataset"))


def read_all(rows):
    return pd.concat(list(rows.chunks(2)), ignore_index=True)


def taken(examples, dataset=None, folder=Path(), **options):
    """Return what the encoder is given of a file or of columns."""
    with new_rows(NewExamples(dataset or shop(), examples, folder, **options)) as rows:
        return read_all(rows)


def plain(column):
    return [None if pd.isna(value) else value for value in column]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="new.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_rows_come_in_their_order_in_chunks_of_the_size_that_is_asked_for(file, tmp_path):
    path = file("user,tags,age,price\n" + "".join(f"{n},a b,20,{n}.5\n" for n in range(40_001, 0, -1)))
    with new_rows(NewExamples(shop(), path, tmp_path)) as rows:
        assert len(rows) == 40_001
        chunks = list(rows.chunks(300))
    assert [len(chunk) for chunk in chunks] == [300] * 133 + [101]
    assert [int(u) for chunk in chunks for u in chunk["user"]] == list(range(40_001, 0, -1))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_what_is_written_stands_beside_what_is_kept_row_by_row(file, tmp_path, ending):
    path = file("id,user,tags,age,price\n007,u,a,1,1\n,v,b,2,2\n009,w,,3,3\n")
    out = tmp_path / f"out{ending}"
    with (
        new_rows(NewExamples(shop(), path, tmp_path, keep=["id", "price"])) as rows,
        predictions_file(rows, out, ["click", "spent"]) as add,
    ):
        for chunk in rows.chunks(2):
            add(np.array([[0.1, float(p)] for p in chunk["price"]]))
    if ending == ".csv":
        assert out.read_text() == "id,price,click,spent\n007,1.0,0.1,1.0\n,2.0,0.1,2.0\n009,3.0,0.1,3.0\n"
    else:
        read = duckdb.sql(f"FROM '{out}'").fetchall()
        assert read == [("007", 1.0, 0.1, 1.0), (None, 2.0, 0.1, 2.0), ("009", 3.0, 0.1, 3.0)]
    assert {p.name for p in tmp_path.iterdir()} == {"new.csv", out.name}


def test_nothing_is_left_where_writing_ends_early_or_a_kept_column_has_the_name_of_a_task(file, tmp_path):
    path = file("user,tags,age,price,Click\nu,a,1,1,1\n")
    (tmp_path / "out.csv").write_text("before")
    for error, keep in ((KeyboardInterrupt, ["user"]), (UsageError, ["Click"])):
        with (
            pytest.raises(error),
            new_rows(NewExamples(shop(), path, tmp_path, keep=keep)) as rows,
            predictions_file(rows, tmp_path / "out.csv", ["click"]),
        ):
            raise KeyboardInterrupt
        assert (tmp_path / "out.csv").read_text() == "before"
        assert {p.name for p in tmp_path.iterdir()} == {"new.csv", "out.csv"}


def test_faulty_rows_are_an_error_or_are_left_out(file, tmp_path):
    path = file("user,tags,age,price\nu,a,1,1\nv,a,old,1\nw,a,1,2\n")
    for dataset in (shop(), shop(bad_rows="skip")):  # a setting about the files of the dataset
        with pytest.raises(DataError, match=r"new.csv:3: age: expected a number, found"):
            taken(path, dataset)
    with new_rows(NewExamples(shop(), path, tmp_path, most=100)) as rows:
        assert [str(row).partition(": expected")[0] for row in rows.rejected] == ["new.csv:3: age"]
        assert list(read_all(rows)["user"]) == ["u", "w"]


@pytest.mark.parametrize("form", ["file", "frame"])
def test_columns_that_are_not_read_may_lack_and_are_not_checked(file, form):
    path = file("user,age,price\nu,1,dear\nv,2,1\n")
    examples, keep = (path, ["price"]) if form == "file" else (pd.read_csv(path), [])
    read = taken(examples, keep=keep, unread=["tags", "price"])
    assert list(read["user"]) == ["u", "v"]
    assert list(read["tags"]) == [[], []]
    assert read["price"].isna().all()


def test_labels_are_read_where_they_are_asked_for(file):
    path = file("click,user,tags,age,price,spent\n1,u,a,1,1,2.5\n,u,a,1,1,\n")
    assert plain(taken(path, labelled=True)["click"].astype(float)) == [1, None]
    path = file("click,user,tags,age,price,spent\n2,u,a,1,1,2\n")
    with pytest.raises(DataError, match="click: expected 0 or 1"):
        taken(path, labelled=True)


@pytest.mark.parametrize(("tags", "expected"), [("['a', 'b']", ["a", "b"]), ("['a b', 'c']", None)])
def test_lists_in_parquet_are_bags_unless_a_value_holds_the_separator(tmp_path, tags, expected):
    rows = duckdb.sql(f"SELECT 'u' AS user, {tags} AS tags, 1 AS age, 2 AS price")
    rows.write_parquet(str(tmp_path / "n.parquet"))
    with nullcontext() if expected else pytest.raises(DataError, match="row 1: tags"):
        assert list(taken(tmp_path / "n.parquet", folder=tmp_path)["tags"].iloc[0]) == expected


def test_a_pattern_stands_for_files_in_the_order_of_their_names(file, tmp_path):
    for name in ("b.csv", "a.csv", "a[1].csv"):
        file(f"user,tags,age,price\n{name},a,1,1\n", name)
    assert list(taken(tmp_path / "?.csv")["user"]) == ["a.csv", "b.csv"]
    assert list(taken(tmp_path / "a[1].csv")["user"]) == ["a[1].csv"]
    with pytest.raises(InputMissingError, match=r"c\*.csv: no such file"):
        taken(tmp_path / "c*.csv")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "new.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(DataError, match="links to a file outside of its folder"):
        taken(tmp_path / "inner" / "new.csv")


def test_an_output_that_cannot_be_is_told_before_anything_is_read(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("nowhere")
    for name in ("folder.csv", "link.csv"):
        with pytest.raises(RunExistsError):
            check_output(tmp_path / name)
    for name in ("out.txt", "no/out.csv"):
        with pytest.raises(UsageError):
            check_output(tmp_path / name)


def test_a_column_to_keep_that_the_file_lacks_is_corrected_on_the_command_line(file):
    path = file("user,tags,age,price,event_id\nu,a,1,1,1\n")
    with pytest.raises(DataError, match=r"lacks 'event_di' \(did you mean 'event_id'\?\)") as error:
        taken(path, keep=["event_di"])
    assert error.value.fix.startswith("correct --keep")


class Numbered(Shop):
    """Users are whole numbers, and cities are some."""

    fields = (Sparse("user"), Sparse("city"))

    def new_file(self, path, labelled):
        columns = {"user": Column("integer"), "city": Column(among=("kiel", "ulm")), "idle": Column("unused")}
        return RawFile(path, columns | ({"click": BIT} if labelled else {}), others=True)


def good(**changes):
    return pd.DataFrame({"user": ["u", "v"], "tags": ["a b", ""], "age": [3, 4], "price": [0.5, 1]} | changes)


DATES = pd.to_datetime(["2024-01-31", "2024-01-31 10:00:00.5", None], format="mixed")
NANOSECONDS = pd.to_datetime(["2024-01-31 10:00:00.123456789"])
DOUBLES = ["1.0", "0.1", "1000000000000000.0", "1e+16", "1e-05", "1e+300", "inf", None, "-0.0"]
SINGLES = ["1.0", "0.1", "1000000000000000.0", "1e+16", "0.0001", None]
TEXTS = {
    "text": (pd.Series(["a", "", None, "nan", " b "]), ["a", None, None, "nan", " b "]),
    "boolean": (pd.Series([True, False]), ["1", "0"]),
    "boolean with gaps": (pd.Series([True, None], dtype="boolean"), ["1", None]),
    "objects of truth": (pd.Series([True, None], dtype=object), ["1", None]),
    "integer": (pd.Series([7, -1]), ["7", "-1"]),
    "integer with gaps": (pd.Series([2**60 + 1, None], dtype="Int64"), [str(2**60 + 1), None]),
    "double": (pd.Series(DOUBLES, dtype="float64"), DOUBLES),
    "single": (pd.Series(SINGLES, dtype="float32"), SINGLES),
    "moment": (pd.Series(DATES), ["2024-01-31 00:00:00", "2024-01-31 10:00:00.5", None]),
    "nanoseconds": (pd.Series(NANOSECONDS), ["2024-01-31 10:00:00.123456789"]),
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
    for examples in (tmp_path / "a.csv", tmp_path / "a.parquet", frame):
        assert plain(taken(examples, shop(Numbered), tmp_path)["user"]) == ["5", None, "-7"]


@pytest.mark.parametrize(("column", "expected"), TEXTS.values(), ids=TEXTS)
def test_values_become_the_same_texts_as_in_a_file_whatever_the_zone_of_the_machine(
    column, expected, tmp_path, monkeypatch
):
    monkeypatch.setenv("TZ", "America/New_York")
    frame, path = pd.DataFrame({"user": column, "tags": "a", "age": 1, "price": 1}), tmp_path / "new.parquet"
    with duckdb.connect() as db:
        db.register("frame", frame)
        db.execute(f"COPY (FROM frame) TO '{path}' (FORMAT parquet)")
    for examples in (path, frame):
        assert plain(taken(examples, folder=tmp_path)["user"]) == expected


def test_blanks_bags_and_columns_with_a_value_for_blanks():
    examples = {"price": [None, "1"], "tags": [["x", None, 7], "b  c "], "user": ["", 9007199254740993]}
    before = deepcopy(examples)
    read = taken(examples)
    assert examples == before
    assert plain(read["user"]) == [None, "9007199254740993"]
    assert read["tags"].tolist() == [["x", "7"], ["b", "c"]]
    assert plain(read["price"]) == [None, 1]
    assert read["age"].isna().all()


@pytest.mark.parametrize(
    ("dataset", "frame", "told"),
    [
        (Shop, good(price=[1, "old"]), r"row 1 \(the first one is 0\): price: expected a number, found"),
        (Shop, good(price=[1, 1e39]), r"row 1 .*price: expected a number of at most 1e\+38, found"),
        (Shop, good(price=[np.inf, 1]), r"row 0 .*price: expected a finite number, found"),
        (Shop, good(user=[["u"], "v"]), r"row 0 .*user: expected one text or number, found"),
        (Shop, good(tags=[["a"], ["b c"]]), r"row 1 .*tags: expected values without ' ', found"),
        (Shop, good().drop(columns=["tags", "user"]).assign(usr=1), r"lack 'user' .*'usr'\?\), 'tags'"),
        (Shop, pd.concat([good(), good()[["user"]]], axis=1), "two columns .* are called 'user'"),
        (Shop, {**good(), "user": "u1"}, "column 'user' is one value"),
        (Numbered, {"user": [1, 2.5], "city": ["ulm", "ulm"]}, "row 1 .*user: expected an integer, found"),
        (Numbered, {"user": ["01"], "city": ["ulm"]}, "user: expected an integer without plus or leading"),
        (Numbered, {"user": [1], "city": ["bonn"]}, "city: expected kiel or ulm, found"),
        (Numbered, {"user": [1], "city": ["ulm"], "click": [2]}, "click: expected 0 or 1, found"),
    ],
)
def test_what_is_wrong_is_named(dataset, frame, told):
    with pytest.raises(DataError, match=told) as error:
        taken(frame, shop(dataset), labelled="click" in frame)
    assert error.value.fix


PAST = History("past", "user", "at", ("item",), ("buy",), length=3, delay=10.0)


def test_files_have_list_columns_unless_they_have_no_header():
    file = with_events(RawFile("new.csv", {}), shop(), [PAST], False)
    assert list(file.columns) == ["past:item", "past:buy", "past:automtl:age"]
    with pytest.raises(DataError, match="files without a header cannot hold lists of events"):
        with_events(RawFile("new.csv", {}, header=False), shop(), [PAST], False)


CODE, BAG, NUMBER = Read(), Read("bag", separator="|"), Read("number", missing=7.0)


@pytest.mark.parametrize(
    ("read", "one", "other"),
    [
        (CODE, ["a", "", "12"], ["a", None, 12.0]),
        (NUMBER, ["0.5", None, -0.0], [0.5, 7, 0.0]),
        (NUMBER, [10.16], [float(np.float32(10.16))]),
        (BAG, [["a", "b"], []], [["b", "a", "b"], []]),
        (Read("text"), ["2024-01-01", "2024-01-01 00:00:00"], ["2024-01-01T00:00:00", "2024-01-01"]),
    ],
)
def test_equal_values_have_equal_hashes_in_any_form(read, one, other):
    assert of_values(read, one).tolist() == of_values(read, other).tolist()


def test_other_values_have_other_hashes():
    assert len({*of_values(CODE, ["a", "b", "", "A"]).tolist()}) == 4
    assert len({*of_values(BAG, [["a"], ["b"], ["a", "b"], []]).tolist()}) == 4
    assert len({*of_numbers(np.array([1.0, 2.0, np.nan, 1.5])).tolist()}) == 4
    assert len({*of_times(np.array([1.7e9, 1.7e9 + 1])).tolist()}) == 2, "times are not rounded"
    assert len({*of_texts(["monday", "tuesday"]).tolist()}) == 2
    assert of_values(CODE, ["a", "b"], buckets=1).tolist() == of_values(CODE, ["b", "a"], buckets=1).tolist()


def test_a_digest_depends_on_the_column_of_a_value_and_not_on_the_order_of_columns():
    one, other = of_texts(["x", "y"]), of_texts(["y", "x"])
    assert digest_of({"a": one, "b": other}).tolist() == digest_of({"b": other, "a": one}).tolist()
    assert digest_of({"a": one, "b": other})[0] != digest_of({"a": one, "b": other})[1]


@pytest.mark.parametrize(
    ("rows", "known", "seen", "equal"),
    [
        ([1, 2, 3], [2], [False, True, False], 0),
        ([1, 1, 1], [1, 1], [True, True, False], 2),
        ([1, 2], [], [False, False], 0),
        ([], [1], [], 0),
        ([3, 1], [1, 1, 3], [True, True], 1),
    ],
)
def test_of_equal_rows_as_many_are_known_as_there_are(rows, known, seen, equal):
    found = Seen.of(np.array(rows, np.uint64), np.array(known, np.uint64))
    assert (found.rows.tolist(), found.equal) == (seen, equal)


class Given(Shop):
    labels = (Label("click", positive=("yes",)), Label("spent", "regression", given="click"))
    user = "user"


class Converting(Given):
    def new_rows(self, rows, labelled):
        return rows


def recorded():
    """Return the dataset of a format that was written as JSON and read back."""
    return RecordedDataset(RowFormat.from_json(RowFormat.of(shop(Given)).to_json(), "rows.json"))


FRAME = pd.DataFrame({"user": ["u", None], "tags": ["a b", ""], "price": [0.5, None]})


def test_rows_and_files_have_the_same_format_unless_a_dataset_converts_rows():
    found, expected = (
        next(frame_rows(NewExamples(one, FRAME)).chunks(9)) for one in (recorded(), shop(Given))
    )
    pd.testing.assert_frame_equal(found, expected)
    assert recorded().user == "user"
    for path in ("new.csv", "new.tsv"):
        assert recorded().new_file(path, False) == shop(Given).new_file(path, False)
    assert RowFormat.of(shop(Converting)) is None


def test_texts_of_labels_are_translated_and_labels_without_their_condition_are_blank():
    labelled = {"click": ["yes", "no", None], "spent": [3.0, 4.0, 5.0]}
    rows = recorded().new_rows(pd.DataFrame(labelled), labelled=True)
    expected = {"click": [1.0, 0.0, None], "spent": [3.0, None, None]}
    pd.testing.assert_frame_equal(rows, pd.DataFrame(expected))
