"""Records of delimited files: the grammar, the end of a file, and what DuckDB reads of any table and damage.

`AUTOMTL_EXAMPLES=10000` makes the properties run on so many examples.
"""

import csv
import gzip
import io
import itertools
import os
import re
import sys
from dataclasses import replace
from unittest.mock import Mock

import duckdb
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from automtl_core.dataset.dataset import BIT, INTEGER, NUMBER, TEXT, UNUSED, WEIGHT, Column, RawFile
from automtl_core.errors import DataError, InputMissingError
from automtl_core.raw import delimited
from automtl_core.raw.delimited import LINE_LIMIT, Lines, opened, rows
from automtl_core.raw.records import ambiguous, file_layout, records
from automtl_core.raw.sql import typed

COLUMNS = {"user": INTEGER, "tag": TEXT, "click": BIT}
LOG = RawFile("log.csv", COLUMNS)
BARE = RawFile("log.csv", COLUMNS, header=False)


@pytest.fixture
def read(tmp_path):
    """Return the values of the accepted rows of a file, and its faults as `line: reason`."""

    def read(content, file=BARE):
        path = tmp_path / file.path
        path.write_bytes(content)
        found = list(records(file_layout(path, file)))
        faults = [f"{record.fault.line}: {record.fault.reason}" for record in found if record.fault]
        return [record.fields for record in found if not record.fault], faults

    return read


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
    assert first.fault.reason == f"longer than {LINE_LIMIT} bytes"
    assert len(first.fault.text) < 1.5 * LINE_LIMIT
    assert second == (2, ["1", "a", "0"], None)


@pytest.mark.parametrize("line", [b'1,"a,0\n', b'",x","y\n', b'1,"""a,0\n', b'""",\n'])
def test_many_stray_quotes_take_linear_time(read, line, monkeypatch):
    split = Mock(wraps=delimited.split)
    monkeypatch.setattr(delimited, "split", split)
    read(line * 20_000)
    assert split.call_count < 3 * 20_000


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
    ("first_line", "message"),
    [
        (b"user,tag,clik", "lacks 'click' (did you mean 'clik'?) and has unknown 'clik'"),
        (b"tag,user,click", "names the columns in another order"),
        (b"user,tag,click,tag", "names 'tag' twice"),
        (b"user, tag,click", "has blanks around ' tag'"),
        (b"user,tag,\x1b", r"lacks 'click' and has unknown '\x1b'"),
        (b'user,"tag,click', "a quoted value does not end"),
    ],
)
def test_a_header_that_does_not_fit(read, first_line, message):
    with pytest.raises(DataError, match=f":1: the header.* {re.escape(message)}") as error:
        read(first_line + b"\n1,a,0\n", LOG)
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


NO_INTEGERS = {
    "an integer": ["9.5", "9.", "-0.0", "05.0", "1e3", "0x10", " 1", "1_0", "\u0663"],
    "an integer without plus or leading zeros": ["007", "+1", "-0"],
    "an integer of 64 bits": [
        *("9223372036854775808", "-9223372036854775809", "9223372036854775808.0", "9" * 5000)
    ],
}
NO_NUMBERS = {
    "a number": ["cheap", "1,5", "0x1p3"],
    "a finite number": ["nan", "-Infinity", "1e999", "9" * 400],
    "a number of at most 1e+38": ["1.1e38", "-1e39", "9" * 39],
    "a number in digits from 0 to 9": ["\u0663"],
}
INTEGERS = ["0", "-1", "42", "9.0", "-7.00", "0.0", "9223372036854775807", "-9223372036854775808"]
NUMBERS = ["0", "-1.5", "+1.5", ".5", "5.", "1e-3", "1E37", "007", "9" * 38, "1e38", "-1e38"]
MATCHING = {'text that matches "1.*"': ["2"], "an integer": ["1.5"]}


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (INTEGER, INTEGERS, NO_INTEGERS),
        (NUMBER, NUMBERS, NO_NUMBERS),
        (BIT, ["0", "1", "1.0"], {"0 or 1": ["2", "1.5", "yes", " 1"]}),
        (Column("text", ("a", "b", "c")), ["a", "c"], {"a, b or c": ["d", "A"]}),
        (Column(matching="[a-z]+"), ["ab", "a"], {'text that matches "[a-z]+"': ["b1"]}),
        (Column("integer", matching="1.*"), ["1"], MATCHING),
        (replace(WEIGHT, required=False), ["0", "2.5", "1e-3"],
         {"a number from 0 on": ["-1", "-inf"], "a finite number": ["inf"]}),
        (UNUSED, ["anything", "9.5"], {}),
    ],
    ids=["integer", "number", "bit", "among", "matching", "matching integer", "weight", "unused"],
)  # fmt: skip
def test_values_are_as_declared(read, column, good, bad):
    file = RawFile("values.csv", {"id": TEXT, "value": column}, separator=";", header=False)
    wrong = [(value, expected) for expected, values in bad.items() for value in values]
    values = [*good, "", '""', *(value for value, _ in wrong)]
    rows, faults = read("".join(f"x;{value}\n" for value in values).encode(), file)
    assert [row[1] for row in rows] == [*good, "", ""]
    assert faults == [
        f'{line}: value: expected {expected}, found "{value[:80]}{"..." * (len(value) > 80)}"'
        for line, (value, expected) in enumerate(wrong, len(good) + 3)
    ]


# Records of compressed files, and files that cannot be opened.


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed_files(read, ending):
    zstd = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    compress = gzip.compress if ending == "gz" else pytest.importorskip(zstd).compress
    file = RawFile(f"log.csv.{ending}", COLUMNS)
    packed = compress(b"\xef\xbb\xbfuser,tag,click\n1,a,0\n")
    assert read(packed + compress(b"2,b,1\n"), file) == ([["1", "a", "0"], ["2", "b", "1"]], [])
    damages = [packed[:-9], packed[:20], packed + b"more", b"user,tag,click\n"]
    damages += [packed[:30] + b"?" + packed[31:]] * (ending == "gz")  # Zstandard writes no checksum here
    for damaged in damages:
        with pytest.raises(DataError, match=rf"{ending}: (cut off|not a \.{ending} file, or damaged)"):
            read(damaged, file)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path / "none.csv.gz", tmp_path):
        with pytest.raises(InputMissingError, match="cannot be read"), opened(path):
            pass


def test_other_encodings_than_utf_8():
    content = "a,köln\n".encode() + b"b,K\xf6ln\nc,\x81\n"
    found = list(rows(Lines(io.BytesIO(content), "cp1252"), ","))
    assert [values for _, _, values, _ in found[:2]] == [["a", "köln"], ["b", "Köln"]]
    assert found[2][3] is not None
    assert [problem is None for *_, problem in rows(Lines(io.BytesIO(content)), ",")] == [True, False, False]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_utf_16_with_a_mark_is_text(tmp_path, name, encoding):
    mark = "" if encoding == "utf-16" else "\ufeff"
    content = mark + "".join(f"u{n},Köln 🎉\r\n" for n in range(60_000))
    path, write = tmp_path / name, gzip.compress if name.endswith("gz") else bytes
    path.write_bytes(write(content.encode(encoding)))
    with opened(path) as stream:
        found = list(rows(Lines(stream), ","))
    assert [found[n][2] for n in (0, -1)] == [["u0", "Köln 🎉"], ["u59999", "Köln 🎉"]]
    assert len(found) == 60_000


examples = settings(
    max_examples=int(os.environ.get("AUTOMTL_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class Duck:
    """Reads files as `automtl_core.raw.load` does."""

    def __init__(self, folder):
        self.db = duckdb.connect()
        self.db.execute("SET threads = 1")
        self._names = (folder / f"{n}.csv" for n in itertools.count())

    def write(self, content):
        path = next(self._names)
        path.write_bytes(content)
        return path

    def read(self, path, file, line_end):
        """Return all values, with blanks as empty texts; None if DuckDB finds a fault."""
        try:
            rows = self.db.read_csv(
                str(path),
                columns={f"c{n}": "VARCHAR" for n in range(len(file.columns))},
                header=file.header,
                sep=file.separator,
                quotechar='"',
                escapechar='"',
                lineterminator=line_end.replace("\r", "\\r").replace("\n", "\\n"),
                auto_detect=False,
                store_rejects=True,
                rejects_limit=2,
            ).fetchall()
        except duckdb.InvalidInputException:
            return None
        sql = "SELECT 1 FROM reject_errors JOIN reject_scans USING (scan_id, file_id) WHERE file_path = ?"
        rejected = self.db.execute(sql, [str(path)]).fetchall()
        return None if rejected else [["" if value is None else value for value in row] for row in rows]


@pytest.fixture(scope="module")
def duck(tmp_path_factory):
    duck = Duck(tmp_path_factory.mktemp("duck"))
    yield duck
    duck.db.close()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,a,0\n2,,1\n", False),
        (b"1,a,0\r\n2,b,\r\n", False),
        (b'1,"a""b""",0\n2,"c,d\n",1', False),
        (b"1,a,0\n2,b,1,\n", True),
        (b"1,a,0\n2,b\n3,c,1,\n", False),
        (b'1,"a",0\n2,b,1,\n', True),
        (b"1,a,0\n\n2,b,1\n", True),
        (b"\n1,a,0\n", True),
        (b"1,\0,0\n", True),
        (b"1,a\rb,0\n", True),
        (b'1, "a",0\n', True),
        (b'1,"a" "b",0\n', True),
    ],
)
def test_what_duckdb_may_misread(duck, content, expected):
    assert ambiguous(file_layout(duck.write(content), BARE)) == expected


@pytest.mark.parametrize("tail", [b"3", b"3,c", b"3,c\n", b"3,c,1", b"3,c,1\n"])
def test_a_cut_last_line_is_not_ambiguous(duck, tail):
    file = RawFile("log.csv", COLUMNS, header=False, cut_tail=True)
    assert not ambiguous(file_layout(duck.write(b"1,a,0\n2,b,1\n" + tail), file))
    assert ambiguous(file_layout(duck.write(b"1,a,0\n2,b,1,\n" + tail), file))
    assert ambiguous(file_layout(duck.write(b"1,a,0\n2,b,1\n3,c,1,"), file))


texts = st.text(
    st.one_of(st.sampled_from('ab1 ,;"\n\r\t'), st.characters(exclude_categories=["Cs"])), max_size=6
)
cells = st.one_of(texts, st.integers().map(str))


@st.composite
def tables(draw):
    """Draw a table; the file that `csv` makes of it; and its line end."""
    columns = draw(st.integers(1, 4))
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    # NUL is a fault, and a mark at the start of the file is no value. Without quotes, neither are line breaks
    # and separators; and Python 3.11 does not quote a carriage return where lines end in a line feed alone.
    bare = "\r" if line_end == "\n" and quoting != csv.QUOTE_ALL else ""
    bare = ',\n\r"' if quoting == csv.QUOTE_NONE else bare
    unfit = str.maketrans("", "", "\0\ufeff" + bare)
    rows = draw(st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=1, max_size=6))
    rows = [[cell.translate(unfit) for cell in row] for row in rows]
    assume(quoting != csv.QUOTE_NONE or columns > 1 or all(row[0] for row in rows))
    written = io.StringIO()
    csv.writer(written, quoting=quoting, lineterminator=line_end).writerows(rows)
    return rows, written.getvalue().encode(), line_end


@examples
@given(table=tables(), header=st.booleans())
def test_any_table_with_any_quoting_reads_back_equal(duck, table, header):
    rows, content, line_end = table
    file = RawFile("any.csv", {f"c{n}": TEXT for n in range(len(rows[0]))}, header=header)
    path = duck.write((",".join(file.columns) + line_end).encode() * header + content)
    found = list(records(file_layout(path, file)))
    assert [record.fault for record in found] == [None] * len(rows)
    assert [record.fields for record in found] == rows
    assert duck.read(path, file, line_end) == rows


ODD_BYTES = [b"", b",", b'"', b'""', b'" ', b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf",
             b"9.5", b"x"]  # fmt: skip
edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from(ODD_BYTES)), max_size=5)


@examples
@given(table=tables(), header=st.booleans(), cut_tail=st.booleans(), edits=edits)
def test_any_damage_is_read_or_told(duck, table, header, cut_tail, edits):
    rows, content, line_end = table
    columns = {f"c{n}": (TEXT, INTEGER, BIT, NUMBER)[n] for n in range(len(rows[0]))}
    file = RawFile("any.csv", columns, header=header, cut_tail=cut_tail)
    content = (",".join(columns) + line_end).encode() * header + content
    for at, length, odd in edits:
        content = content[:at] + odd + content[at + length :]
    path = duck.write(content)
    try:
        layout = file_layout(path, file)
        found = list(records(layout))
    except DataError:
        return
    lines = [record.line for record in found]
    assert lines == sorted(set(lines))
    assert all(record.fault.line == record.line for record in found if record.fault)
    assert all(len(record.fields) == len(columns) for record in found if not record.fault)
    # The first line tells the line end, as where files are loaded.
    taken = duck.read(path, file, "\r\n" if layout.returns else "\n")
    if taken is not None and not ambiguous(layout):
        assert [record.fields for record in found] == taken[: len(found)]
        assert len(taken) - len(found) <= cut_tail  # a last row whose values do not fit
    accepted = [record.fields for record in found if not record.fault]
    copy = io.StringIO()
    csv.writer(copy, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([list(columns), *accepted])
    clean = RawFile("clean.csv", columns)
    assert duck.read(duck.write(copy.getvalue().encode()), clean, "\n") == accepted


@examples
@given(value=st.one_of(texts, st.text("0123456789.eE+-_ ", min_size=1, max_size=20), st.floats().map(str)))
@pytest.mark.parametrize(
    "column",
    [INTEGER, NUMBER, BIT, Column(matching="[^,]*|.a"), Column("integer", matching=r"\d.*")],
    ids=["integer", "number", "bit", "matching", "matching integer"],
)
def test_sql_takes_the_same_values(duck, column, value):
    value = value.replace("\0", "")
    assume(value and "+-" not in value)  # DuckDB takes +-5 for a number
    content = io.StringIO()
    csv.writer(content, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([value])
    path = duck.write(content.getvalue().encode())
    (record,) = records(file_layout(path, RawFile("x.csv", {"c": column}, header=False)))
    try:
        duck.db.execute(f"SELECT {typed('c', column)} FROM (SELECT ? AS c)", [value]).fetchall()  # noqa: S608
    except duckdb.InvalidInputException:
        assert record.fault
    else:
        assert not record.fault
