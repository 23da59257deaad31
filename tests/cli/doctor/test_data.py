"""Checks of the raw files of a dataset."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from automtl_cli.config.resolved import Request
from automtl_cli.doctor.app import data, raw_size
from automtl_cli.doctor.check import Check
from automtl_cli.options import Configuration

ROWS = "user,click\n" + "".join(f"u{n % 9},{n % 2}\n" for n in range(2000))


def checked(folder: Path, *settings: str, file: str = "log.csv") -> Check:
    """Return the check of a table in a folder."""
    table = f"dataset={{name: table, files: {file}, sparse: [user], labels: [click]}}"
    job = Request(Configuration(data_dir=folder, settings=[table, *settings])).job()
    (check,) = data(job)
    return check


def test_the_first_rows_are_checked(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(ROWS + "u\n")
    check = checked(tmp_path)
    assert check == Check("dataset table", "ok", "10 KiB; first rows are as declared: log.csv (1,000)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not found"),
        ("", "the file is empty"),
        ("usr,click\nu,1\n", "user"),
        ("user,click\n" + "u,1\n" * 10 + "u,2\n" * 5, "log.csv:12: click: expected 0, 1"),
    ],
)
def test_files_that_cannot_be_used_are_a_problem(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "log.csv").write_text(content)
    check = checked(tmp_path)
    assert check.status == "problem"
    assert message in check.result
    assert check.result.count("log.csv") <= 3
    assert check.remedy


def test_faulty_rows_that_are_left_out_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,click\nu\n" + ROWS.partition("\n")[2])
    assert checked(tmp_path, "dataset.bad_rows=skip").status == "warning"


def test_the_first_rows_of_parquet_are_checked(tmp_path: Path) -> None:
    for clicks, status in (([*[0] * 1500, 2], "ok"), ([2, *[0] * 1500], "problem")):
        frame = pd.DataFrame({"user": ["u"] * 1501, "click": clicks})
        duckdb.from_df(frame).write_parquet(str(tmp_path / "log.parquet"))
        assert checked(tmp_path, file="log.parquet").status == status


def test_a_dataset_without_files(tmp_path: Path) -> None:
    job = Request(Configuration(settings=["dataset=synthetic"])).job()
    assert [check.result for check in data(job)] == ["needs no files"]
    assert raw_size(job) == 0
