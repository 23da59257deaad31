"""Files of new examples: found, read in their order in whole batches, and predictions written beside them."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import check_output, new_rows, predictions_file
from automtl_core.dataset.dataset import Bag, Dataset, Dense, Label, Sparse
from automtl_core.errors import DataError, InputMissingError, RunExistsError, UsageError


class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Bag("tags", " "), Dense("age", missing=30.0), Dense("price"))
    labels = (Label("click"), Label("spent", "regression"))

    def rows(self, db):
        raise NotImplementedError

    def values(self, db, field):
        raise NotImplementedError


def shop(**settings):
    return Shop(Shop.settings_class.parse(settings, "dataset"))


def frame(rows):
    return pd.concat(list(rows.chunks(2)), ignore_index=True)


@pytest.fixture
def file(tmp_path):
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
    assert list(chunks[0]["tags"].iloc[0]) == ["a", "b"]


def test_blanks_further_columns_and_columns_with_a_value_for_blanks(file, tmp_path):
    path = file("other,price,tags,user\nx,,,\ny,1,b  c ,9007199254740993\n")
    with new_rows(NewExamples(shop(), path, tmp_path)) as rows:
        read = frame(rows)
    assert list(read.columns) == ["user", "tags", "age", "price"]
    assert pd.isna(read["user"].iloc[0])
    assert read["user"].iloc[1] == "9007199254740993"
    assert list(read["tags"].iloc[1]) == ["b", "c"]
    assert read["age"].isna().all()


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
    with duckdb.connect() as db:
        read = db.sql(f"FROM '{out}'").fetchall() if ending == ".parquet" else None
    if read is None:
        assert out.read_text() == "id,price,click,spent\n007,1.0,0.1,1.0\n,2.0,0.1,2.0\n009,3.0,0.1,3.0\n"
    else:
        assert read == [("007", 1.0, 0.1, 1.0), (None, 2.0, 0.1, 2.0), ("009", 3.0, 0.1, 3.0)]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["new.csv", out.name])


def test_nothing_is_left_where_writing_ends_early(file, tmp_path):
    path = file("user,tags,age,price\nu,a,1,1\n")
    (tmp_path / "out.csv").write_text("before")
    with (
        pytest.raises(KeyboardInterrupt),
        new_rows(NewExamples(shop(), path, tmp_path)) as rows,
        predictions_file(rows, tmp_path / "out.csv", ["click"]),
    ):
        raise KeyboardInterrupt
    assert (tmp_path / "out.csv").read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.csv", "out.csv"]


def test_faulty_rows_are_an_error_or_are_left_out(file, tmp_path):
    path = file("user,tags,age,price\nu,a,1,1\nv,a,old,1\nw,a,1,2\n")
    with pytest.raises(DataError, match=r"new.csv:3: age: expected a number, found"):
        new_rows(NewExamples(shop(), path, tmp_path)).__enter__()
    with pytest.raises(DataError, match=r"new.csv:3: age"):  # which is about the files of the dataset
        new_rows(NewExamples(shop(bad_rows="skip"), path, tmp_path)).__enter__()
    with new_rows(NewExamples(shop(), path, tmp_path, most=100)) as rows:
        assert [str(row).partition(": expected")[0] for row in rows.rejected] == ["new.csv:3: age"]
        assert list(frame(rows)["user"]) == ["u", "w"]


def test_columns_that_are_not_read_may_lack_and_are_not_checked(file, tmp_path):
    path = file("user,age,price\nu,1,dear\nv,2,1\n")
    with new_rows(NewExamples(shop(), path, tmp_path, keep=["price"], unread=["tags", "price"])) as rows:
        read = frame(rows)
    assert list(read["user"]) == ["u", "v"]
    assert list(read["tags"]) == [[], []]
    assert read["price"].isna().all()


def test_labels_are_read_where_they_are_asked_for(file, tmp_path):
    path = file("click,user,tags,age,price,spent\n1,u,a,1,1,2.5\n,u,a,1,1,\n")
    with new_rows(NewExamples(shop(), path, tmp_path, labelled=True)) as rows:
        read = frame(rows)
    assert float(read["click"].iloc[0]) == 1
    assert pd.isna(read["click"].iloc[1])
    path = file("click,user,tags,age,price,spent\n2,u,a,1,1,2\n")
    with pytest.raises(DataError, match="click: expected 0 or 1"):
        new_rows(NewExamples(shop(), path, tmp_path, labelled=True)).__enter__()


def test_lists_in_parquet_are_bags_unless_a_value_holds_the_separator(tmp_path):
    def write(tags):
        with duckdb.connect() as db:
            db.execute(
                f"COPY (SELECT 'u' AS user, {tags} AS tags, 1 AS age, 2 AS price) TO '{tmp_path}/n.parquet'"
            )

    write("['a', 'b']")
    with new_rows(NewExamples(shop(), tmp_path / "n.parquet", tmp_path)) as rows:
        assert list(frame(rows)["tags"].iloc[0]) == ["a", "b"]
    write("['a b', 'c']")
    with pytest.raises(DataError, match="row 1: tags"):
        new_rows(NewExamples(shop(), tmp_path / "n.parquet", tmp_path)).__enter__()


def test_a_pattern_stands_for_files_in_the_order_of_their_names(file, tmp_path):
    for name in ("b.csv", "a.csv"):
        file(f"user,tags,age,price\n{name},a,1,1\n", name)
    with new_rows(NewExamples(shop(), tmp_path / "?.csv", tmp_path)) as rows:
        assert list(frame(rows)["user"]) == ["a.csv", "b.csv"]
    with pytest.raises(InputMissingError, match=r"c\*.csv: no such file"):
        new_rows(NewExamples(shop(), tmp_path / "c*.csv", tmp_path)).__enter__()
    file("user,tags,age,price\nu,a,1,1\n", "a[1].csv")
    with new_rows(NewExamples(shop(), tmp_path / "a[1].csv", tmp_path)) as rows:
        assert len(rows) == 1


def test_a_link_to_elsewhere_is_refused(file, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "new.csv").symlink_to(file("user,tags,age,price\nu,a,1,1\n"))
    with pytest.raises(DataError, match="links to a file outside of its folder"):
        new_rows(NewExamples(shop(), tmp_path / "inner" / "new.csv", tmp_path)).__enter__()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("out.txt", "is not one of"),
        ("no/out.csv", "no such folder"),
        ("d.csv", "exists already, and is not replaced"),
        ("link.csv", "exists already, and is not replaced"),
    ],
)
def test_an_output_that_cannot_be_is_told_before_anything_is_read(tmp_path, name, told):
    (tmp_path / "d.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("nowhere")
    with pytest.raises((UsageError, RunExistsError), match=told):
        check_output(tmp_path / name)


def test_a_column_to_keep_cannot_be_called_as_a_task(file, tmp_path):
    path = file("user,tags,age,price,Click\nu,a,1,1,1\n")
    with (
        new_rows(NewExamples(shop(), path, tmp_path, keep=["Click"])) as rows,
        pytest.raises(UsageError, match="--keep names 'Click'"),
    ):
        predictions_file(rows, tmp_path / "out.csv", ["click"]).__enter__()


def test_a_column_to_keep_that_the_file_lacks_is_corrected_on_the_command_line(file, tmp_path):
    path = file("user,tags,age,price,event_id\nu,a,1,1,1\n")
    with pytest.raises(DataError, match=r"lacks 'event_di' \(did you mean 'event_id'\?\)") as error:
        new_rows(NewExamples(shop(), path, tmp_path, keep=["event_di"])).__enter__()
    assert error.value.fix.startswith("correct --keep")
