"""The grammar one by one; test_records_duckdb.py holds it for any table and any damage."""

import gzip
import io

import pytest

from automtl_core.raw.delimited import Lines, opened, rows, split


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


def test_bare_carriage_returns_and_other_encodings():
    assert split("a,b\rc", ",").bare_return == 1
    assert split('a,"b\rc"', ",").bare_return is None
    content = "a,köln\n".encode() + b"b,K\xf6ln\nc,\x81\n"
    found = list(rows(Lines(io.BytesIO(content), "cp1252"), ","))
    assert [values for _, _, values, _ in found[:2]] == [["a", "köln"], ["b", "Köln"]]
    assert found[2][3] is not None
    assert [problem is None for *_, problem in rows(Lines(io.BytesIO(content)), ",")] == [True, False, False]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_utf_16_with_a_mark_is_text(tmp_path, name, encoding):
    mark = "" if encoding == "utf-16" else "\ufeff"
    content = f"{mark}" + "".join(f"u{n},Köln 🎉\r\n" for n in range(60_000))
    path, write = tmp_path / name, gzip.compress if name.endswith("gz") else bytes
    path.write_bytes(write(content.encode(encoding)))
    with opened(path) as stream:
        found = list(rows(Lines(stream), ","))
    assert [found[n][2] for n in (0, -1)] == [["u0", "Köln 🎉"], ["u59999", "Köln 🎉"]]
    assert len(found) == 60_000
