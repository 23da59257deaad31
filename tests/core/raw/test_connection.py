from pathlib import Path

import duckdb
import pytest

from automtl_core.errors import DataError, OutOfMemoryError, StorageError
from automtl_core.raw.connection import connect
from automtl_core.raw.sql import one_file


def test_its_own_folders_are_open(tmp_path):
    data, work = tmp_path / "it's data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    (data / "a.csv").write_text("x\n1\n")
    with connect(data, work) as db:
        assert db.read_csv(str(data / "a.csv")).fetchall() == [(1,)]
        db.sql("SELECT 2 AS y").write_csv(str(work / "b.csv"))
    assert (work / "b.csv").read_text() == "y\n2\n"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{outside}/secret.csv')",
        "SELECT * FROM read_text('{data}/../secret.csv')",
        "COPY (SELECT 1) TO '{outside}/new.csv'",
        "ATTACH '{outside}/new.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
    ],
)
def test_the_connection_reaches_nothing_else(tmp_path, statement):
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with connect(data, work) as db, pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
        db.execute(statement.format(outside=tmp_path, data=data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "secret.csv", "work"]


def test_errors_of_the_database_are_errors_of_the_data(tmp_path):
    with pytest.raises(DataError, match=r"raw data: .*'x1'"), connect(None, tmp_path) as db:
        db.execute("SELECT CAST('x1' AS INTEGER)")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (duckdb.OutOfRangeException, DataError),
        (duckdb.InvalidInputException, DataError),
        (duckdb.NotImplementedException, DataError),
        (duckdb.TransactionException, StorageError),
        (duckdb.FatalException, StorageError),
        (duckdb.ParserException, duckdb.ParserException),
        (duckdb.InternalException, duckdb.InternalException),
    ],
)
def test_every_error_that_files_or_disks_can_cause_is_translated(tmp_path, raised, expected):
    with pytest.raises(expected), connect(None, tmp_path):
        raise raised("x\ny")


def test_too_little_memory_says_how_to_allow_more(tmp_path):
    with pytest.raises(OutOfMemoryError) as error, connect(None, tmp_path, "20MiB", 1) as db:
        db.execute("SELECT list(i) FROM range(50000000) t(i)").fetchall()
    assert "AUTOMTL_MEMORY_LIMIT" in error.value.fix


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?", "[!a]"])
def test_a_folder_may_have_signs_of_patterns_in_its_name(name, tmp_path):
    folder = tmp_path / name
    work = folder / "work"
    work.mkdir(parents=True)
    (tmp_path / "a1").mkdir()
    for each, value in ((folder, "mine"), (tmp_path / "a1", "other")):
        (each / "t.csv").write_text(f"x\n{value}\n")
    with connect(folder, work) as db:
        assert db.read_csv(one_file(folder / "t.csv"), header=True).fetchall() == [("mine",)]
        db.execute("CREATE TABLE made AS SELECT 1")
        with pytest.raises(duckdb.PermissionException):
            db.read_csv(str(tmp_path / "a1" / "t.csv"), header=True).fetchall()


def test_a_folder_called_as_the_home_folder_is_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    work = Path("~") / "work"
    work.mkdir(parents=True)
    with connect(None, work):
        assert (tmp_path / "~" / "work" / "raw.duckdb").exists()
    assert not (tmp_path / "home").exists()
