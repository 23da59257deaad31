"""Every faulty row is told, and accepted and rejected rows are all that a file has."""

import gzip

import duckdb
import pandas as pd
import pytest

from automtl_core.dataset.dataset import BIT, INTEGER, TEXT, Dataset, DatasetSettings, Label, RawFile, Sparse
from automtl_core.errors import InputMissingError, UsageError
from automtl_inspection.validate import Checked, Validation

GOOD = [f"u{n},{n},{n % 2}" for n in range(50)]


class Logs(Dataset):
    """Two logs of the same columns, and one of Parquet."""

    version = 1
    fields = (Sparse("user"), Sparse("item"))
    labels = (Label("click"),)

    def __init__(self, pattern="log*.csv*", **settings):
        super().__init__(DatasetSettings(**settings))
        self.pattern = pattern

    def files(self):
        return {"log": RawFile(self.pattern, {"user": TEXT, "item": INTEGER, "click": BIT})}

    def rows(self, db):
        return db.table("log")


def write(path, *rows):
    text = "\n".join(["user,item,click", *rows, ""])
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def check(folder, dataset):
    validation = Validation(dataset, "logs", folder)
    rejected = list(validation.rejected())
    return validation.files, rejected


def test_each_faulty_row_has_file_line_column_and_reason(tmp_path):
    write(tmp_path / "log1.csv", *GOOD, "u,9.5,0", "u,1", '"a\nb",2,1', "u,3,2")
    write(tmp_path / "log2.csv.gz", "u,1,1,1", *GOOD)
    files, rejected = check(tmp_path, Logs())
    assert [(r.file, r.fault.line, r.fault.column) for r in rejected] == [
        ("log1.csv", 52, "item"),
        ("log1.csv", 53, None),
        ("log1.csv", 56, "click"),
        ("log2.csv.gz", 2, None),
    ]
    assert rejected[1].fault.reason == "expected 3 columns, found 2"
    assert "9.5" in rejected[0].fault.reason
    assert files == [Checked("log1.csv", 51, 3), Checked("log2.csv.gz", 50, 1)]
    assert [file.records for file in files] == [54, 51]


def test_rows_of_parquet_files_are_checked_too(tmp_path):
    frame = pd.DataFrame({"user": ["u"] * 6, "item": [1, 2, None, 4.5, 5, 6], "click": [0, 1, 1, 0, 7, 1]})
    duckdb.from_df(frame).write_parquet(str(tmp_path / "log.parquet"))
    files, rejected = check(tmp_path, Logs("log.parquet"))
    assert [(r.fault.line, r.fault.column) for r in rejected] == [(4, "item"), (5, "click")]
    assert files == [Checked("log.parquet", 4, 2)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "log2.csv:1: the file is empty"),
        (b"user,item,click\n", "log2.csv: holds no rows"),
        (b"user;item;click\nu;1;1\n", "log2.csv:1: semicolons"),
        (b"user,itm,click\nu,1,1\n", "log2.csv:1: the header lacks 'item'"),
        (b"\x89PNG\r\n\x1a\n\0\0", "log2.csv:1: holds an image"),
    ],
    ids=["empty", "header only", "separator", "header", "image"],
)
def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path, content, problem):
    write(tmp_path / "log1.csv", *GOOD)
    (tmp_path / "log2.csv").write_bytes(content)
    write(tmp_path / "log3.csv", *GOOD, "u,1")
    files, rejected = check(tmp_path, Logs())
    assert files[1].problem is not None
    assert files[1].fix or "no rows" in problem
    assert problem in files[1].problem
    assert [(file.accepted, file.rejected) for file in files] == [(50, 0), (0, 0), (50, 1)]
    assert [r.file for r in rejected] == ["log3.csv"]


def test_a_cut_archive_is_a_problem_and_not_a_row(tmp_path):
    write(tmp_path / "log.csv.gz", *(f"u{n},{n},1" for n in range(100_000)))
    content = (tmp_path / "log.csv.gz").read_bytes()
    (tmp_path / "log.csv.gz").write_bytes(content[: len(content) // 2])
    (file,), _ = check(tmp_path, Logs())
    assert file.problem is not None
    assert "cut off" in file.problem
    assert file.rejected == 0 < file.accepted < 100_000


def test_there_have_to_be_files(tmp_path):
    with pytest.raises(InputMissingError, match=r"log\*.csv\*: raw file of dataset logs not found"):
        check(tmp_path, Logs())

    class NoFiles(Logs):
        def files(self):
            return {}

    with pytest.raises(UsageError, match="dataset logs has no raw files"):
        check(tmp_path, NoFiles())


def test_only_the_first_rows_of_each_file_are_checked(tmp_path):
    write(tmp_path / "log1.csv", *GOOD, "u,9.5,0")
    write(tmp_path / "log2.csv", "u,9.5,0", *GOOD)
    validation = Validation(Logs(), "logs", tmp_path, first=10)
    assert [rejected.file for rejected in validation.rejected()] == ["log2.csv"]
    assert [(file.accepted, file.rejected) for file in validation.files] == [(10, 0), (9, 1)]
