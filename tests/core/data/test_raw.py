import hashlib
from pathlib import Path

import duckdb
import pytest

from automtl_core.data import raw
from automtl_core.dataset import RawFile
from automtl_core.errors import DataError, InputMissingError

COLUMNS = ("user", "tags", "click")
LOG = RawFile("log.csv", COLUMNS)
BARE = RawFile("log.csv", COLUMNS, header=False)
CUT = RawFile("log.csv", COLUMNS, header=False, cut_tail=True)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    data, work = tmp_path / "it's data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    return data, work


def read(folders: tuple[Path, Path], content: bytes, file: RawFile = LOG) -> list[tuple[str | None, ...]]:
    data, work = folders
    (data / file.path).write_bytes(content)
    with raw.connect(data, work) as db:
        raw.load(db, data, "log", file)
        return db.table("log").fetchall()


def test_reads_all_columns_as_text_and_blanks_as_null(folders: tuple[Path, Path]) -> None:
    content = b'user,tags,click\n007,"a,b",9.50\n 8 ,,1\n9,"",0\n'
    assert read(folders, content) == [("007", "a,b", "9.50"), (" 8 ", None, "1"), ("9", None, "0")]


@pytest.mark.parametrize(
    "content",
    [b"1,a,0\n2,b,1\n", b"1,a,0\n2,b,1", b"1,a,0\r\n2,b,1\r\n", b"\xef\xbb\xbf1,a,0\n\n2,b,1\n"],
    ids=["plain", "no last line break", "windows", "byte order mark and blank line"],
)
def test_reads_what_editors_leave_behind(folders: tuple[Path, Path], content: bytes) -> None:
    assert read(folders, content, BARE) == [("1", "a", "0"), ("2", "b", "1")]


def test_quoted_line_breaks_and_doubled_quotes(folders: tuple[Path, Path]) -> None:
    assert read(folders, b'1,"a\n""b""",0\n', BARE) == [("1", 'a\n"b"', "0")]


@pytest.mark.parametrize("tail", [b"3", b"3,c", b"3,c\n"])
def test_a_cut_last_line_is_left_out_where_declared(folders: tuple[Path, Path], tail: bytes) -> None:
    assert read(folders, b"1,a,0\n2,b,1\n" + tail, CUT) == [("1", "a", "0"), ("2", "b", "1")]


@pytest.mark.parametrize(
    ("content", "file", "message"),
    [
        (b"user,tags,click\n1,a,0\n9,9\n", LOG, '3: expected 3 columns, found 2: "9,9"'),
        (b"user,tags,click\n1,a,0,7,8\n1\n", LOG, '2: expected 3 columns, found 5: "1,a,0,7,8"'),
        (b'1,"x\ny",0\n5\n', BARE, '3: expected 3 columns, found 1: "5"'),
        (b"1,a,0\n3,c", BARE, '2: expected 3 columns, found 2: "3,c"'),
        (b"1,a\n3,c", CUT, '1: expected 3 columns, found 2: "1,a"'),
        (b"1,a,0\n2,b,0,1", CUT, '2: expected 3 columns, found 4: "2,b,0,1"'),
        (b"1,a,0\n2,\xff,1\n", BARE, '2: not UTF-8: "2,?,1"'),
        (b'1,a,0\n2,"b,1\n3,c,1\n', BARE, "2: a quoted value does not end: \"2,\"b,1\""),
        (b"1,a,0\n\x1b[31m,2\n", BARE, '2: expected 3 columns, found 2: "\\x1b[31m,2"'),
        (b"1,a,0\n" + b"x" * 200 + b"\n", BARE, f'2: expected 3 columns, found 1: "{"x" * 80}..."'),
        (b"1,a,0\n2,b,1\r\n", BARE, "2: ends in another line break than line 1"),
        (b"user,tag,clik\n", LOG, "1: the header lacks 'tags' (did you mean 'tag'?), 'click' (did you mean"
         " 'clik'?) and has unknown 'tag', 'clik'"),
        (b"tags,user,click\n", LOG, "1: the header names the columns in another order"),
        (b"user,tags,click,more\n", LOG, "1: the header has unknown 'more'"),
        (b"", LOG, "1: no header: the file is empty"),
        ("user,tags".encode("utf-16"), LOG, "1: not UTF-8: invalid start byte"),
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_with_its_line(
    folders: tuple[Path, Path], content: bytes, file: RawFile, message: str
) -> None:
    with pytest.raises(DataError) as error:
        read(folders, content, file)
    assert str(error.value) == f"{folders[0] / 'log.csv'}:{message}"
    assert error.value.fix


@pytest.mark.parametrize(("content", "file"), [(b"user,tags,click\n", LOG), (b"", BARE), (b"1,a", CUT)])
def test_a_file_without_rows_is_refused(folders: tuple[Path, Path], content: bytes, file: RawFile) -> None:
    with pytest.raises(DataError, match=r"log\.csv: holds no rows"):
        read(folders, content, file)


def test_a_faulty_file_is_named_among_others(folders: tuple[Path, Path]) -> None:
    data, work = folders
    (data / "log.csv").write_text("1,a,0\n2")
    (data / "more.csv").write_text("1,a,0\n")
    with raw.connect(data, work) as db:
        raw.load(db, data, "log", CUT)
        raw.load(db, data, "more", RawFile("more.csv", COLUMNS, header=False))
        assert db.table("more").fetchall() == [("1", "a", "0")]


def test_the_line_is_right_far_into_a_large_file(folders: tuple[Path, Path]) -> None:
    lines = [b"12345,abcdefghij,0\n"] * 300_000
    lines[270_000] = b"12345\n"
    with pytest.raises(DataError, match=r"log\.csv:270001: expected 3 columns, found 1"):
        read(folders, b"".join(lines), BARE)


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
def test_the_connection_reaches_nothing_else(tmp_path: Path, statement: str) -> None:
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with (
        raw.connect(data, work) as db,
        pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)),
    ):
        db.execute(statement.format(outside=tmp_path, data=data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "secret.csv", "work"]


def test_errors_of_the_database_are_errors_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"raw data: .*'x1'"), raw.connect(None, tmp_path) as db:
        db.execute("SELECT CAST('x1' AS INTEGER)")


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "there.csv").touch()
    files = {name: RawFile(f"{name}.csv", ("a",)) for name in ("there", "log", "users")}
    with pytest.raises(InputMissingError) as error:
        raw.require(tmp_path, files, "shop", "https://example.org (CC0)")
    assert str(error.value).splitlines() == [
        f"{tmp_path}/log.csv: raw file of dataset shop not found",
        f"{tmp_path}/users.csv: raw file of dataset shop not found",
    ]
    assert error.value.fix == (
        "get them from https://example.org (CC0); or try `--dataset synthetic`, which needs no files"
    )
    with pytest.raises(
        InputMissingError, match=r"needs a folder with its raw files: there\.csv, log\.csv, users\.csv"
    ):
        raw.require(None, files, "shop", "")


def test_a_raw_file_that_links_elsewhere_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "log.csv").touch()
    (data / "log.csv").symlink_to(tmp_path / "log.csv")
    with pytest.raises(DataError, match="links to a file outside"):
        raw.require(data, {"log": LOG}, "shop", "")


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"1,2\n")
    assert raw.fingerprint(tmp_path / "log.csv") == {
        "bytes": 4,
        "sha256": hashlib.sha256(b"1,2\n").hexdigest(),
    }
