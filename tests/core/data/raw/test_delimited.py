"""The grammar one by one; test_records_duckdb.py holds it for any table and any damage."""

import gzip
import io
from pathlib import Path

import pytest

from automtl_core.data.raw.delimited import Lines, blocks, opened, rows, split
from automtl_core.errors import DataError


@pytest.mark.parametrize(
    ("text", "values", "end"),
    [
        ("a,b", ["a", "b"], "whole"),
        ("", [""], "whole"),
        (",", ["", ""], "whole"),
        ('"a,b",c', ["a,b", "c"], "whole"),
        ('"a ""b""",c', ['a "b"', "c"], "whole"),
        ('a "b",c', ['a "b"', "c"], "whole"),
        ('a,"b', ["a", "b"], "open"),
        ('a,"b"c,d', ["a", "b"], "broken"),
    ],
)
def test_a_row_is_split_outside_of_quotes(text, values, end):
    found = split(text, ",")
    assert (found.values, found.end) == (values, end)


def test_a_bare_carriage_return_is_told():
    assert split("a,b\rc", ",").bare_return == 1
    assert split('a,"b\rc"', ",").bare_return is None


def read(content):
    return list(rows(Lines(io.BytesIO(content)), ","))


def test_rows_have_the_line_where_they_start():
    assert [(line, values) for line, _, values, _ in read(b'a,b\n\n"x\ny",2\r\nc,d')] == [
        (1, ["a", "b"]),
        (3, ["x\ny", "2"]),
        (5, ["c", "d"]),
    ]


def test_a_quote_that_never_ends_costs_one_row():
    found = read(b'"a,1\nb,2\n')
    assert [line for line, *_ in found] == [1, 2]
    assert found[0][3] is not None
    assert found[1][2:] == (["b", "2"], None)


def test_blocks_end_at_line_feeds_without_a_mark_of_byte_order():
    content = b"\xef\xbb\xbfa\nb\nc"
    assert list(blocks(io.BytesIO(content))) == [(b"a\nb", True), (b"c", False)]


def test_a_compressed_file_is_read_as_a_plain_one_and_a_cut_one_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 1000))
    with opened(path) as stream:
        assert stream.read() == b"a,b\n" * 1000
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError), opened(path) as stream:
        stream.read()


def test_lines_that_are_not_utf_8_have_the_declared_encoding() -> None:
    content = "a,köln\n".encode() + b"b,K\xf6ln\nc,\x81\n"
    found = list(rows(Lines(io.BytesIO(content), "cp1252"), ","))
    assert [values for _, _, values, _ in found[:2]] == [["a", "köln"], ["b", "Köln"]]
    assert found[2][3] is not None
    assert [problem is None for *_, problem in rows(Lines(io.BytesIO(content)), ",")] == [True, False, False]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_utf_16_with_a_mark_is_text(tmp_path: Path, name: str, encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    content = f"{mark}" + "".join(f"u{n},Köln 🎉\r\n" for n in range(60_000))
    path, write = tmp_path / name, gzip.compress if name.endswith("gz") else bytes
    path.write_bytes(write(content.encode(encoding)))
    with opened(path) as stream:
        found = list(rows(Lines(stream), ","))
    assert [found[n][2] for n in (0, -1)] == [["u0", "Köln 🎉"], ["u59999", "Köln 🎉"]]
    assert len(found) == 60_000
