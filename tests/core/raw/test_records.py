"""Records of delimited files: the grammar, and where the file ends."""

import gzip
import itertools
import sys
from dataclasses import replace

import pytest

from automtl_core.dataset.dataset import BIT, INTEGER, NUMBER, TEXT, UNUSED, WEIGHT, Column, RawFile
from automtl_core.errors import DataError, InputMissingError
from automtl_core.raw import delimited
from automtl_core.raw.delimited import LINE_LIMIT, opened
from automtl_core.raw.records import file_layout, records

from .logs import BARE, COLUMNS, LOG

# The grammar.


@pytest.mark.parametrize(
    "content",
    [b"1,a,0\n2,b,1\n", b"1,a,0\n2,b,1", b"1,a,0\r\n2,b,1\r\n", b"1,a,0\n2,b,1\r\n", b"1,a,0\n2,b,1\r",
     b"\xef\xbb\xbf1,a,0\n2,b,1\n", b"\n1,a,0\n\r\n2,b,1\n\n", b'"1","a","0"\n2,"b",1\n'],
)  # fmt: skip
def test_line_ends_marks_blank_lines_and_quotes_do_not_matter(read, content):
    assert read(content) == ([["1", "a", "0"], ["2", "b", "1"]], [])


def test_what_quoted_values_hold_and_quotes_amid_a_value(read):
    content = b'1,"a,b",0\n2,"a\nb\r\nc\rd",1\n3,"say ""a""",\n4,"",0\n5,"""",1\n6,"\xc3\xa9\n\n",1\n'
    values = ["a,b", "a\nb\r\nc\rd", 'say "a"', "", '"', "é\n\n"]
    rows, faults = read(content)
    assert ([row[1] for row in rows], faults) == (values, [])
    assert read(b'1,a"b"c,0\n2, "a",0\n') == ([["1", 'a"b"c', "0"], ["2", ' "a"', "0"]], [])


def test_lines_are_counted_as_editors_do(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b'user,tag,click\n1,"a\nb",0\n\n2,b,1\r\n3,"c\r\n\n",1\n4,d\n')
    assert [record.line for record in records(file_layout(path, LOG))] == [2, 5, 6, 9]


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
def test_an_odd_row_costs_itself_alone(read, odd, reason):
    lines = (b"1,a,0", odd, b"3,c,1", b"")
    for content in (b"\n".join(lines), b"\r\n".join(lines), b"1,a,0\r\n" + odd + b"\n3,c,1\r\n"):
        assert read(content) == ([["1", "a", "0"], ["3", "c", "1"]], [f"2: {reason}"])


def test_the_text_of_a_fault_is_legible(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"1,caf\xe9 \xc3\xa9,0\n")
    (record,) = records(file_layout(path, BARE))
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
def test_reading_goes_on_behind_the_line_of_a_stray_quote(read, content, rows):
    assert [row[0] for row in read(content)[0]] == rows


def test_the_longest_rows(read):
    longest = b"1," + b"x" * (LINE_LIMIT - 4) + b",0"
    over = longest.replace(b"xx", "é".encode() + b"x", 1)
    lines = b'3,"' + (b"x" * 99_999 + b"\n") * 20
    most = lines[: LINE_LIMIT - 3] + b'",0'
    assert len(longest) == len(most) == LINE_LIMIT
    rows, faults = read(b"\n".join([longest, over, most, most.replace(b"x", b"xx", 1), b"4,d,0", b""]))
    assert [row[0] for row in rows] == ["1", "3", "4"]
    assert faults[:2] == [f"2: longer than {LINE_LIMIT} bytes", "23: tag: a quoted value does not end"]


def test_a_line_of_many_megabytes_is_one_fault_and_not_kept(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"x" * (5 * LINE_LIMIT) + b"\n1,a,0\n")
    first, second = records(file_layout(path, BARE))
    assert first.fault is not None
    assert first.fault.reason == f"longer than {LINE_LIMIT} bytes"
    assert len(first.fault.text) < 1.5 * LINE_LIMIT
    assert second == (2, ["1", "a", "0"], None)


@pytest.mark.parametrize("line", [b'1,"a,0\n', b'",x","y\n', b'1,"""a,0\n', b'""",\n'])
def test_many_stray_quotes_take_linear_time(read, line, monkeypatch):
    seen = itertools.count()
    split = delimited.split

    def counted(text, separator):
        next(seen)
        return split(text, separator)

    monkeypatch.setattr(delimited, "split", counted)
    read(line * 20_000)
    assert next(seen) < 3 * 20_000


# The end of the file.


@pytest.mark.parametrize(
    "tail", [b"3", b"3,c", b"3,c\n", b"3,c\r\n\n", b"3,c,7", b"3,\xc3", b'3,"c', b"3x,c,1"]
)
def test_a_cut_last_line_is_left_out_where_declared(read, tail):
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
def test_whatever_else_is_there_is_not_left_out(read, content, rows, faults):
    found = read(content, RawFile("log.csv", COLUMNS, header=False, cut_tail=True))
    assert (len(found[0]), found[1]) == (rows, faults)


# Records of delimited files: the first line, and what separates values.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"user,tag,clik\n", "lacks 'click' (did you mean 'clik'?) and has unknown 'clik'"),
        (b"tag,user,click\n", "names the columns in another order"),
        (b"user,tag,click,more\n", "has unknown 'more'"),
        (b"user,tag,click,tag\n", "names 'tag' twice"),
        (b"user, tag,click\n", "has blanks around ' tag'"),
        (b"user,tag,\x1b\n", r"lacks 'click' and has unknown '\x1b'"),
        (b'user,"tag,click\n1,a,0\n', ': a quoted value does not end: "user,"tag,click"'),
    ],
)
def test_a_header_that_does_not_fit(read, tmp_path, content, message):
    with pytest.raises(DataError) as error:
        read(content, LOG)
    assert str(error.value) == f"{tmp_path / 'log.csv'}:1: the header {message}".replace(
        "header :", "header:"
    )
    assert error.value.fix == "let the first line be user,tag,click"


def test_a_header_may_name_other_columns_in_any_order(read, tmp_path):
    file = RawFile("log.csv", COLUMNS, others=True)
    content = b'click,"more, or less",user,,tag\n0,?,1,?,a\n7,?,2,?,b\n1,?,3,a\n'
    rows, faults = read(content, file)
    assert file_layout(tmp_path / "log.csv", file).columns == ("click", "more, or less", "user", "", "tag")
    assert rows == [["0", "?", "1", "?", "a"]]
    assert faults == ['3: click: expected 0 or 1, found "7"', "4: expected 5 columns, found 4"]
    with pytest.raises(DataError, match="the header lacks 'tag'") as error:
        read(b"click,user,more\n", file)
    assert error.value.fix == "let the first line name user,tag,click"


@pytest.mark.parametrize(
    ("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (":", "colons")]
)
def test_another_separator_is_named(read, separator, name):
    content = "user,tag,click\n1,a,0\n".replace(",", separator).encode()
    for file, text in ((LOG, content), (BARE, content.split(b"\n")[1])):
        with pytest.raises(DataError, match=f":1: {name} separate its values, but ',' is declared"):
            read(text, file)


def test_any_separator_can_be_declared(read):
    for separator in ("\t", "|", "^", "]", "\x01", "::", "§"):
        file = RawFile("log.csv", COLUMNS, separator=separator)
        content = f'user,tag,click\n1,"a;{separator}b",0\n2,;,1\n'.replace(",", separator)
        assert read(content.encode(), file) == ([["1", f"a;{separator}b", "0"], ["2", ";", "1"]], [])


@pytest.mark.parametrize("length", [1, 300_000])
def test_the_end_of_the_first_line_is_seen(tmp_path, length):
    for end in (b"\n", b"\r\n"):
        (tmp_path / "x.csv").write_bytes(b"a" * length + end + b"b" + end)
        found = file_layout(tmp_path / "x.csv", RawFile("x.csv", {"c": TEXT}, header=False))
        assert found.returns == (end == b"\r\n")
        assert found.columns == ("c",)


# Records of delimited files: values are as declared, or told.


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (
            INTEGER,
            ["0", "-1", "42", "9.0", "-7.00", "0.0", "9223372036854775807", "-9223372036854775808"],
            {
                "9.5": "an integer",
                "9.": "an integer",
                "-0.0": "an integer",
                "05.0": "an integer",
                "9223372036854775808.0": "an integer of 64 bits",
                "1e3": "an integer",
                "0x10": "an integer",
                " 1": "an integer",
                "1_0": "an integer",
                "\u0663": "an integer",
                "007": "an integer without plus or leading zeros",
                "+1": "an integer without plus or leading zeros",
                "-0": "an integer without plus or leading zeros",
                "9223372036854775808": "an integer of 64 bits",
                "-9223372036854775809": "an integer of 64 bits",
                "9" * 5000: "an integer of 64 bits",
            },
        ),
        (
            NUMBER,
            ["0", "-1.5", "+1.5", ".5", "5.", "1e-3", "1E37", "007", "9" * 38, "1e38", "-1e38"],
            {
                "cheap": "a number",
                "1,5": "a number",
                "0x1p3": "a number",
                "nan": "a finite number",
                "-Infinity": "a finite number",
                "1e999": "a finite number",
                "1.1e38": "a number of at most 1e+38",
                "-1e39": "a number of at most 1e+38",
                "9" * 39: "a number of at most 1e+38",
                "9" * 400: "a finite number",
                "\u0663": "a number in digits from 0 to 9",
            },
        ),
        (BIT, ["0", "1", "1.0"], {"2": "0 or 1", "1.5": "0 or 1", "yes": "0 or 1", " 1": "0 or 1"}),
        (Column("text", ("a", "b", "c")), ["a", "c"], {"d": "a, b or c", "A": "a, b or c"}),
        (Column(matching="[a-z]+"), ["ab", "a"], {"b1": 'text that matches "[a-z]+"'}),
        (Column("integer", matching="1.*"), ["1"], {"2": 'text that matches "1.*"', "1.5": "an integer"}),
        (
            replace(WEIGHT, required=False), ["0", "2.5", "1e-3"],
            {"-1": "a number from 0 on", "-inf": "a number from 0 on", "inf": "a finite number"},
        ),
        (UNUSED, ["anything", "9.5"], {}),
    ],
    ids=["integer", "number", "bit", "among", "matching", "matching integer", "weight", "unused"],
)  # fmt: skip
def test_values_are_as_declared(read, column, good, bad):
    file = RawFile("values.csv", {"id": TEXT, "value": column}, separator=";", header=False)
    values = [*good, "", '""', *bad]
    rows, faults = read("".join(f"x;{value}\n" for value in values).encode(), file)
    assert [row[1] for row in rows] == [*good, "", ""]
    cut = {value: f'"{value[:80]}..."' if len(value) > 80 else f'"{value}"' for value in bad}
    assert faults == [
        f"{line}: value: expected {expected}, found {cut[value]}"
        for line, (value, expected) in enumerate(bad.items(), len(good) + 3)
    ]


def test_messages_are_safe_to_print(read):
    file = RawFile("x.csv", {"user\x1b\n": INTEGER, "tag": TEXT}, header=False)
    reason = r'1: user\x1b\n: expected an integer, found "\x1b[31m\r"'
    assert read(b'"\x1b[31m\r",\n', file) == ([], [reason])


# Records of compressed files, and files that cannot be opened.


def test_gzip(read, tmp_path):
    file = RawFile("log.csv.gz", COLUMNS)
    packed = gzip.compress(b"\xef\xbb\xbfuser,tag,click\n1,a,0\n")
    assert read(packed + gzip.compress(b"2,b,1\n"), file) == ([["1", "a", "0"], ["2", "b", "1"]], [])
    changed = packed[:30] + b"?" + packed[31:]
    for damaged in (packed[:-9], packed[:20], packed + b"more", b"user,tag,click\n", changed):
        with pytest.raises(DataError, match=r"log\.csv\.gz: (cut off|not a \.gz file, or damaged)"):
            read(damaged, file)


def test_zstandard(read):
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    file = RawFile("log.csv.zst", COLUMNS)
    packed = zstd.compress(b"user,tag,click\n1,a,0\n")
    assert read(packed, file) == ([["1", "a", "0"]], [])
    for damaged in (packed[:-3], packed + b"more", b"user,tag,click\n"):
        with pytest.raises(DataError, match=r"log\.csv\.zst: (cut off|not a \.zst file, or damaged)"):
            read(damaged, file)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path / "none.csv.gz", tmp_path):
        with pytest.raises(InputMissingError, match="cannot be read"), opened(path):
            pass
