"""What is seen of a table that nothing is known of."""

import gzip

import pytest

from automtl_core.errors import DataError, InputMissingError, UsageError
from automtl_inspection.guess import peek as module
from automtl_inspection.guess.facts import Facts, Parts
from automtl_inspection.guess.peek import peek


@pytest.fixture
def seen(tmp_path):
    """Look at a file of this text."""

    def seen(text, name="a.csv"):
        (tmp_path / name).write_bytes(text.encode())
        return peek(str(tmp_path / name))

    return seen


def test_facts_of_each_kind_of_column(seen):
    text = "n,x,t,w,b\n1,0.5,2024-01-31,a,\n-3,2e2,2024-02-01 10:00:00,b,\n1,.5,2024-01-31,a,\n,,,,\n"
    found = seen(text)
    assert (found.seen, found.rows, found.header, found.separator) == (4, 4, True, ",")
    whole, number, time, words, blank = found.columns
    assert whole == Facts("n", "integer", 3, 2, 1, 3, "1", ("-3", "1"), "-3", "1", mean=-1 / 3)
    assert (number.kind, number.low, number.high) == ("number", ".5", "2e2")
    assert number.mean == pytest.approx(67)
    assert (time.kind, time.low, time.high) == ("time", "2024-01-31", "2024-02-01 10:00:00")
    assert (words.kind, words.example, words.single) == ("text", "a", 1)
    assert blank == Facts("b")


def test_what_separators_take_texts_apart_to(seen):
    text = "a,b,c\n" + 'x| y,1 2,"[3, 4)"\nx,2,"[4, 5)"\n||z,,u|v\n'
    a, b, c = seen(text).columns
    assert a.parts == {"|": Parts(rows=2, parts=4, values=3)}
    assert b.parts == {" ": Parts(rows=1, parts=3, values=2)}
    assert "," not in c.parts  # brackets would be torn apart


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,2\n", True),
        ("a,1\nx,2\ny,3\n", False),
        ("7,8,click\nx,y,1\n", True),
        ("a,b\nx,y\n", True),
        ("a,a\nx,y\n", False),
        ("2020,2021,name\n1,2,x\n", False),
        (",n,m\n0,1,x\n", True),
        ("1,x\n", False),
        ("n,m\nNA,x\n1,x\n2,x\n", True),
    ],
)
def test_whether_there_is_a_header(seen, text, header):
    found = seen(text)
    assert found.header == header
    assert found.seen == text.count("\n") - header
    first = text.split("\n")[0].split(",")
    names = first if header else [f"c{n + 1}" for n in range(len(first))]
    assert [facts.name for facts in found.columns] == names


@pytest.mark.parametrize(
    "text",
    ["a,b\r\n1,2\n7,8\r\n", "a,b\n\n1,2\r\n\n7,8\n", 'a,b\n1,2\nx,"open\n7,8\n', "a,b\n1,2\nx,y\rz\n7,8\n"],
    ids=["mixed line ends", "blank lines", "open quote", "carriage return"],
)
def test_rows_are_those_that_are_prepared(seen, text):
    found = seen(text)
    assert (found.seen, found.rows) == (2, 2)
    assert [facts.few for facts in found.columns] == [("1", "7"), ("2", "8")]


def test_rows_of_compressed_files_and_patterns_are_estimated(tmp_path, monkeypatch):
    text = "n,m\n" + "".join(f"{n * 7919 % 10007},x\n" for n in range(5000))
    for name in ("c-1.csv.gz", "c-2.csv.gz"):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    monkeypatch.setattr(module, "ROWS", 1000)
    found = peek(f"{tmp_path}/c-*.csv.gz")
    assert (found.folder, found.pattern) == (tmp_path, "c-*.csv.gz")
    assert found.rows == pytest.approx(10_000, rel=0.1)


@pytest.mark.parametrize("name", ["lost.csv", "lost-*.csv", "lost/a.csv"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(InputMissingError, match="no such file"):
        peek(f"{tmp_path}/{name}")


def test_folders_and_links_to_other_places(tmp_path):
    with pytest.raises(UsageError, match="a folder"):
        peek(str(tmp_path))
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "inner/a.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(DataError, match="links to a file outside of its folder"):
        peek(f"{tmp_path}/inner/a.csv")


def test_what_is_no_parquet_file(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"PAR1" + b"\0" * 50)
    with pytest.raises(DataError, match="not text in UTF-8"):
        peek(f"{tmp_path}/a.csv")
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file"):
        peek(f"{tmp_path}/a.parquet")
