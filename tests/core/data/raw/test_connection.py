import duckdb
import pytest

from automtl_core.data.raw.connection import connect
from automtl_core.errors import DataError, OutOfMemoryError


@pytest.fixture
def folders(tmp_path):
    for name in ("raw", "work", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("x\n1\n")
    return tmp_path


def test_its_folders_are_open_and_nothing_else_is(folders):
    with connect(folders / "raw", folders / "work") as db:
        assert db.execute(f"FROM '{folders}/raw/a.csv'").fetchall() == [(1,)]
        db.execute(f"COPY (SELECT 2) TO '{folders}/work/b.csv'")
        for statement in (
            f"FROM '{folders}/elsewhere/a.csv'",
            f"FROM '{folders}/raw/../elsewhere/a.csv'",
            f"COPY (SELECT 2) TO '{folders}/elsewhere/b.csv'",
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                db.execute(statement)
    assert not (folders / "elsewhere" / "b.csv").exists()


def test_a_value_that_cannot_be_converted_is_a_fault_of_the_data(folders):
    with (
        pytest.raises(DataError, match="Could not convert string 'x'"),
        connect(None, folders / "work") as db,
    ):
        db.execute("SELECT CAST('x' AS INTEGER)")


def test_too_little_memory_says_how_to_allow_more(folders):
    with pytest.raises(OutOfMemoryError) as error, connect(None, folders / "work", "20MiB", 1) as db:
        db.execute("SELECT list(i) FROM range(50000000) t(i)").fetchall()
    assert "--memory-limit" in error.value.fix
