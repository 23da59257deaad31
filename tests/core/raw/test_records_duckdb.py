"""Records against what DuckDB reads, for any table and any damage.

`AUTOMTL_EXAMPLES=10000` makes the properties run on so many examples.
"""

import csv
import io
import itertools
import os

import duckdb
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from automtl_core.dataset.dataset import BIT, INTEGER, NUMBER, TEXT, Column, RawFile
from automtl_core.errors import DataError
from automtl_core.raw.records import ambiguous, file_layout, records
from automtl_core.raw.sql import typed

from .logs import BARE, COLUMNS

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
    bare = (
        ',\n\r"'
        if quoting == csv.QUOTE_NONE
        else "\r"
        if line_end == "\n" and quoting != csv.QUOTE_ALL
        else ""
    )
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
        found = list(records(file_layout(path, file)))
    except DataError:
        return
    lines = [record.line for record in found]
    assert lines == sorted(set(lines))
    assert all(record.fault.line == record.line for record in found if record.fault)
    assert all(len(record.fields) == len(columns) for record in found if not record.fault)
    taken = duck.read(path, file, line_end)
    if taken is not None and not ambiguous(file_layout(path, file)):
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
