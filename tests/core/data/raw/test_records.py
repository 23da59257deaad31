"""Records of delimited files: the grammar, and where the file ends."""

import itertools
from pathlib import Path

import pytest

from automtl_core.data.raw import delimited
from automtl_core.data.raw.delimited import LINE_LIMIT
from automtl_core.data.raw.records import layout, records
from automtl_core.dataset.dataset import RawFile

from .logs import BARE, COLUMNS, LOG, Read

# The grammar.


@pytest.mark.parametrize(
    "content",
    [b"1,a,0\n2,b,1\n", b"1,a,0\n2,b,1", b"1,a,0\r\n2,b,1\r\n", b"1,a,0\n2,b,1\r\n", b"1,a,0\n2,b,1\r",
     b"\xef\xbb\xbf1,a,0\n2,b,1\n", b"\n1,a,0\n\r\n2,b,1\n\n", b'"1","a","0"\n2,"b",1\n'],
)  # fmt: skip
def test_line_ends_marks_blank_lines_and_quotes_do_not_matter(read: Read, content: bytes) -> None:
    assert read(content) == ([["1", "a", "0"], ["2", "b", "1"]], [])


def test_what_quoted_values_hold(read: Read) -> None:
    content = b'1,"a,b",0\n2,"a\nb\r\nc\rd",1\n3,"say ""a""",\n4,"",0\n5,"""",1\n6,"\xc3\xa9\n\n",1\n'
    values = ["a,b", "a\nb\r\nc\rd", 'say "a"', "", '"', "é\n\n"]
    rows, faults = read(content)
    assert ([row[1] for row in rows], faults) == (values, [])


def test_quotes_amid_a_value_are_part_of_it(read: Read) -> None:
    assert read(b'1,a"b"c,0\n2, "a",0\n') == ([["1", 'a"b"c', "0"], ["2", ' "a"', "0"]], [])


def test_lines_are_counted_as_editors_do(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b'user,tag,click\n1,"a\nb",0\n\n2,b,1\r\n3,"c\r\n\n",1\n4,d\n')
    assert [record.line for record in records(layout(path, LOG))] == [2, 5, 6, 9]


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (b'2,"b,1', "tag: a quoted value does not end"),
        (b'2,"b"c,1', "tag: text follows a closing quote"),
        (b'2,"b" ,1', "tag: text follows a closing quote"),
        (b"2,b\rc,1", "tag: holds a carriage return without quotes around it"),
        (b"2,b,1\r\r", "click: holds a carriage return without quotes around it"),
        (b"2,b\0,1", "tag: holds a NUL byte"),
        (b"2,\xff,1", "tag: not UTF-8"),
        (b"2,b,1,\xff", "not UTF-8"),
        (b"2,b,1,", "expected 3 columns, found 4"),
        (b"2,b", "expected 3 columns, found 2"),
        (b" ", "expected 3 columns, found 1"),
        (b'2,"b\nc"', "expected 3 columns, found 2"),
    ],
)
def test_an_odd_row_costs_itself_alone(read: Read, odd: bytes, reason: str) -> None:
    lines = (b"1,a,0", odd, b"3,c,1", b"")
    for content in (b"\n".join(lines), b"\r\n".join(lines), b"1,a,0\r\n" + odd + b"\n3,c,1\r\n"):
        assert read(content) == ([["1", "a", "0"], ["3", "c", "1"]], [f"2: {reason}"])


def test_the_text_of_a_fault_is_legible(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"1,caf\xe9 \xc3\xa9,0\n")
    (record,) = records(layout(path, BARE))
    assert record.fault is not None
    assert record.fault == (1, "tag", "tag: not UTF-8", r"1,caf\xe9 é,0")
    assert record.fields[1] == r"caf\xe9 é"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b'1,"a,0\n2,"b",1\n3,c,0\n', ["2", "3"]),
        (b'1,"a,0\n2,"b,1\n3,c,0\n', ["3"]),
        (b'1,"a,0\n2,b,1\n3,"c",0\n', ["2", "3"]),
        (b'1,"a,0\n2,b,1\n3,"c\nd",0\n4,"e\n', ["2", "3"]),
        (b'1,"a\n2,b,1\n","c,0\n3,"d",1\n', ["2", "3"]),
    ],
)
def test_reading_goes_on_behind_the_line_of_a_stray_quote(
    read: Read, content: bytes, rows: list[str]
) -> None:
    assert [row[0] for row in read(content)[0]] == rows


def test_the_longest_rows(read: Read) -> None:
    longest = b"1," + b"x" * (LINE_LIMIT - 4) + b",0"
    over = longest.replace(b"xx", "é".encode() + b"x", 1)
    lines = b'3,"' + (b"x" * 99_999 + b"\n") * 20
    most = lines[: LINE_LIMIT - 3] + b'",0'
    assert len(longest) == len(most) == LINE_LIMIT
    rows, faults = read(b"\n".join([longest, over, most, most.replace(b"x", b"xx", 1), b"4,d,0", b""]))
    assert [row[0] for row in rows] == ["1", "3", "4"]
    assert faults[:2] == [f"2: longer than {LINE_LIMIT} bytes", "23: tag: a quoted value does not end"]


def test_a_line_of_many_megabytes_is_one_fault_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"x" * (5 * LINE_LIMIT) + b"\n1,a,0\n")
    first, second = records(layout(path, BARE))
    assert first.fault is not None
    assert first.fault.reason == f"longer than {LINE_LIMIT} bytes"
    assert len(first.fault.text) < 1.5 * LINE_LIMIT
    assert second == (2, ["1", "a", "0"], None)


@pytest.mark.parametrize("line", [b'1,"a,0\n', b'",x","y\n', b'1,"""a,0\n', b'""",\n'])
def test_many_stray_quotes_take_linear_time(read: Read, line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = itertools.count()
    split = delimited.split

    def counted(text: str, separator: str) -> delimited.Values:
        next(seen)
        return split(text, separator)

    monkeypatch.setattr(delimited, "split", counted)
    read(line * 20_000)
    assert next(seen) < 3 * 20_000


# The end of the file.


@pytest.mark.parametrize(
    "tail", [b"3", b"3,c", b"3,c\n", b"3,c\r\n\n", b"3,c,7", b"3,\xc3", b'3,"c', b"3x,c,1"]
)
def test_a_cut_last_line_is_left_out_where_declared(read: Read, tail: bytes) -> None:
    file = RawFile("log.csv", COLUMNS, header=False, cut_tail=True)
    whole = [["1", "a", "0"], ["2", "b", "1"]]
    assert read(b"1,a,0\n2,b,1\n" + tail, file) == (whole, [])
    assert len(read(b"1,a,0\n2,b,1\n" + tail, BARE)[1]) == 1


@pytest.mark.parametrize(
    ("content", "rows", "faults"),
    [
        (b"1,a,0\n3,c,1", 2, []),
        (b"1,a\n3,c", 0, ["1: expected 3 columns, found 2"]),
        (b"1,a,0\n3,c,7\n", 1, ['2: click: expected 0 or 1, found "7"']),
        (b"1,a,0\n3,c,1,2", 1, ["2: expected 3 columns, found 4"]),
        (b"1,a,0\n3,c\n4,d", 1, ["2: expected 3 columns, found 2"]),
    ],
)
def test_whatever_else_is_there_is_not_left_out(
    read: Read, content: bytes, rows: int, faults: list[str]
) -> None:
    found = read(content, RawFile("log.csv", COLUMNS, header=False, cut_tail=True))
    assert (len(found[0]), found[1]) == (rows, faults)
