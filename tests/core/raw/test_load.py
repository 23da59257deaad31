"""Raw files are found and become tables; faulty rows have a place and a remedy."""

import gzip
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import (
    BIT,
    INTEGER,
    NUMBER,
    TEXT,
    UNUSED,
    Column,
    Dataset,
    DatasetSettings,
    Label,
    RawFile,
    Sparse,
)
from automtl_core.errors import DataError, InputMissingError
from automtl_core.raw import columnar
from automtl_core.raw.connection import connect, workshop
from automtl_core.raw.find import find, source_of
from automtl_core.raw.load import REPAIR, load, read as read_tables
from automtl_core.system.progress import silent

COLUMNS = {"user": INTEGER, "tags": TEXT, "click": BIT}
LOG = RawFile("log.csv", COLUMNS)
BARE = RawFile("log.csv", COLUMNS, header=False)
CUT = RawFile("log.csv", COLUMNS, header=False, cut_tail=True)


@pytest.fixture
def folders(tmp_path):
    data, work = tmp_path / "it's data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    return data, work


def read(folders, content, file=LOG, most=None):
    """Return the table that a file becomes, and what was left out."""
    data, work = folders
    path = data / file.path
    path.write_bytes(content)
    with connect(data, work) as db:
        sources = [source_of(path, file, data)]
        rejected = load(db, "log", sources, work, most)
        return db.table("log").fetchall(), rejected


TYPES = {"a": INTEGER, "b": TEXT, "c": NUMBER, "d": UNUSED}
SOME = RawFile("log.csv", {"user": INTEGER, "tags": Column("text", optional=True)}, others=True)
BREAK = RawFile("log.csv", {"user": TEXT, "item\nid": TEXT})
ROWS = [(1, "a", 0), (2, "b", 1)]
SOUND = b"user,tags,click\n1,a,0\n2,b,1\n"
SOUND_FORMS = [
    *(SOUND, b"\xef\xbb\xbf" + SOUND, SOUND.decode().encode("utf-16")),
    *(b"user,tags,click\n1,a,0\r\n2,b,1\n", b"user,tags,click\n\n1,a,0\n\r\n2,b,1\n\n\r\n"),
]


@pytest.mark.parametrize(
    ("file", "content", "rows"),
    [
        (RawFile("log.csv", TYPES), b'a,b,c,d\n7,"x,y",9.50,?\n-8,,1e3,?\n,"",,?\n',
         [(7, "x,y", 9.5), (-8, None, 1000.0), (None, None, None)]),
        (BARE, b'1,"a\n""b""",0\n', [(1, 'a\n"b"', 0)]),
        (BREAK, b'user,"item\nid"\n1,a\n2,b\n', [("1", "a"), ("2", "b")]),
        (BREAK, b'user,"item\nid"\r\n1,a\r\n2,b\r\n', [("1", "a"), ("2", "b")]),
        (RawFile("log.csv", {"a": Column("integer", blanks=("-1", "NA")), "b": Column(blanks=("NA",))}),
         b"a,b\n-1,NA\n-1.0,x\nNA,-1\n-2,", [(None, None), (None, "x"), (None, "-1"), (-2, None)]),
        (RawFile("log.csv", COLUMNS, others=True), b"x,click,tags,user\n?,1,a,5\n", [(5, "a", 1)]),
        (SOME, b"TAGS,user,Tags\na,5,b\n", [(5, "a")]),
        (SOME, b"TAGS,user,tags\na,5,b\n", [(5, "b")]),
        (RawFile("log.tsv", COLUMNS, separator="\t"), b"user\ttags\tclick\n5\ta,b\t1\n", [(5, "a,b", 1)]),
        *((CUT, b"1,a,0\n2,b,1\n" + tail, ROWS) for tail in (b"3", b"3,c", b"3,c\n")),
        *((LOG, content, ROWS) for content in SOUND_FORMS),
    ],
)  # fmt: skip
def test_values_have_their_types_and_blanks_are_null(folders, file, content, rows):
    assert read(folders, content, file) == (rows, [])


@pytest.mark.parametrize(
    ("content", "message", "fix"),
    [
        (SOUND.decode().encode("utf-16-be"), ":1: holds NUL", "convert it to UTF-8"),
        (SOUND.decode().encode("utf-32"), ":1: holds UTF-32", "iconv -f UTF-32"),
        (SOUND.replace(b"\n", b"\r"), ":1: its lines end in carriage returns", "line feeds"),
        (b"", ":1: the file is empty", "get a complete copy"),
        (b"1,a,0\n2,b,1\n", ':1: no header: .*: "1,a,0"', "let the first line be user,tags,click"),
        (b"\n" + SOUND, ":1: the first line is blank", "let the first line be user,tags,click"),
        (gzip.compress(SOUND), ":1: holds gzip data", "name end in .gz"),
        (b'{"user": "u", "item": 1}\n', ":1: holds JSON", "write it as CSV or Parquet"),
        (b'[\n {"user": 1}]', ":1: holds JSON", "write it as CSV or Parquet"),
        (b'[{"user": 1}]', ":1: holds JSON", "write it as CSV or Parquet"),
        (b"[[1, 2]]", ":1: holds JSON", "write it as CSV or Parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_remedy(folders, content, message, fix):
    for most in (None, 100):
        with pytest.raises(DataError, match=f"log.csv{message}") as error:
            read(folders, content, most=most)
        assert fix in error.value.fix


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (b"3,c", 'expected 3 columns, found 2: "3,c"'),
        ("3,café,1".encode("latin-1"), r'tags: not UTF-8: "3,caf\\xe9,1"'),
        (b'3,"c,1', "tags: a quoted value does not end"),
        (bytes(512), "user: holds a NUL byte"),
    ],
)
def test_a_faulty_row_is_refused_or_left_out(folders, odd, reason):
    content = b"user,tags,click\n1,a,0\n" + odd + b"\n2,b,1\n"
    with pytest.raises(DataError, match=f"log.csv:3: {reason}"):
        read(folders, content)
    rows, rejected = read(folders, content, most=1)
    assert (rows, [fault.line for _, fault in rejected]) == (ROWS, [3])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("value", ["a\rb", "a\r\nb", "a\nb"])
def test_quoted_carriage_returns(folders, value, end):
    rows = [b'1,"%b",0' % value.encode(), b"2,b,1"]
    assert read(folders, end.join(rows) + end, BARE)[0] == [(1, value, 0), (2, "b", 1)]
    rows.insert(1, b"x,y,z")
    assert read(folders, end.join(rows) + end, BARE, most=1)[0] == [(1, value, 0), (2, "b", 1)]


def test_a_row_may_outgrow_the_limit_in_the_copy_and_two_signs_make_no_number(folders):
    value = 'a"' * 900_000
    content = f"1,{value},0\nx,y,z\n".encode()
    assert read(folders, content, BARE, most=1)[0] == [(1, value, 0)]
    with pytest.raises(DataError, match="a: expected a number"):
        read(folders, b"a\n+-5\n", RawFile("log.csv", {"a": NUMBER}))


@pytest.mark.parametrize("tail", [b"3", b"3,c", b"3,c\n"])
def test_other_rows_may_be_at_fault_above_a_cut_last_line(folders, tail):
    rows, rejected = read(folders, b"1,a,0\n2\n2,b,1\n" + tail, CUT, most=1)
    assert rows == [(1, "a", 0), (2, "b", 1)]
    assert [fault.line for _, fault in rejected] == [2]


@pytest.mark.parametrize("name", ["a[1]", "a?", "*", "[!b]"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_signs_of_patterns_in_names_of_files_and_folders_stand_for_themselves(tmp_path, name, suffix):
    paths = [tmp_path / folder / f"{stem}.{suffix}" for folder in (name, "a1") for stem in (name, "a1")]
    for n, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        table = duckdb.sql(f"SELECT {n} AS \"user\", 'a' AS tags, 1 AS click")
        write = table.write_csv if suffix == "csv" else table.write_parquet
        write(str(tmp_path / "draft"))
        (tmp_path / "draft").rename(path)
    (work := tmp_path / name / "work").mkdir()
    file = RawFile(paths[0].name, COLUMNS)
    with connect(tmp_path / name, work) as db:
        load(db, "log", [source_of(paths[0], file, tmp_path / name)], work, None)
        assert db.table("log").fetchall() == [(0, "a", 1)]
        with pytest.raises(duckdb.PermissionException):
            db.sql(f"FROM '{paths[-1]}'")


AMID = b'1,"a",0\n' * 1000 + b'2,"b"\n' + b'1,"a",0\n' * 1000
FAR = [b"12345,abcdefghij,0\n"] * 300_000
FAR[270_000] = b"12345\n"


@pytest.mark.parametrize(
    ("content", "line", "columns"),
    [
        (AMID, 1001, 2),
        (b"".join(FAR), 270_001, 1),
        *((b"1,a,0\n2,b,1,\n" + tail, 2, 4) for tail in (b"", b"3", b"3,c")),
    ],
    ids=["amid quoted rows", "far into a large file", "a blank value too many", "a cut value", "a cut row"],
)
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_short_or_long_row_is_no_cut_last_line(folders, content, line, columns, name):
    file = RawFile(name, COLUMNS, header=False, cut_tail=True)
    with pytest.raises(DataError, match=f":{line}: expected 3 columns, found {columns}"):
        read(folders, gzip.compress(content) if name.endswith("gz") else content, file)


LABEL = Column("integer", ("0", "1"), remedy="say which values mean 1, such as {value}")
TABLE = {"user": TEXT, "item": INTEGER, "price": NUMBER, "click": LABEL}
HEADER, PRICED = ",".join(TABLE), RawFile("log.csv", TABLE)


def refusal(folder, lines, file=PRICED, encoding="utf-8"):
    (path := folder / file.path).write_text("\n".join([*lines, ""]), encoding)
    with pytest.raises(DataError) as error, connect(folder, folder) as db:
        load(db, "log", [source_of(path, file, folder)], folder, None)
    return error.value


@pytest.mark.parametrize(
    ("row", "fix"),
    [
        ("u{n},{n},1.5,{three}", "say which values mean 1, such as 2"),
        ("u{n},{n},1.5,yes", "say which values mean 1, such as yes"),
        ("u{n},{n},cheap,1", "convert the column price, or declare its actual type"),
        ("u{n},{n},1,5,1", "declare the actual columns, or quote values with"),
        ('u{n},{n},"1,5",1', "write numbers with a decimal point: 1.5"),
        ('u{n},"1,5",1.5,1', "write numbers with a decimal point: 1.5"),
        ('u{n},"1,000",1.5,1', "write numbers without thousands separators: 1000"),
        ("u{n},{n},1.5,{three}.0", "say which values mean 1, such as "),
    ],
)
def test_where_most_rows_have_one_fault_it_is_the_files(tmp_path, row, fix):
    error = refusal(tmp_path, [HEADER, *(row.format(n=n, three=n % 3) for n in range(90))])
    assert str(error.fix).startswith(fix)
    assert "; the same fault in " in str(error)


@pytest.mark.parametrize("others", [1, 4, 1000])
def test_a_slip_is_to_be_repaired(tmp_path, others):
    slip = "u,1,1.5,2"
    error = refusal(tmp_path, [HEADER, slip, *["u,1,1.5,1"] * others, *[slip] * (others == 1000)])
    assert error.fix == REPAIR
    assert str(error) == f'{tmp_path}/log.csv:2: click: expected 0 or 1, found "2": "{slip}"'


@pytest.mark.parametrize("share", [1, 1000])
def test_text_in_another_encoding_is_to_be_converted(tmp_path, share):
    rows = [f"{'é' if n % share == 0 else 'e'},{n},1.5,1" for n in range(2000)]
    error = refusal(tmp_path, [HEADER, *rows], encoding="latin-1")
    assert "dataset.encoding: cp1252" in error.fix


def test_a_name_of_the_settings_is_corrected_there(tmp_path):
    columns = {"user": Column(setting="dataset.sparse"), "clik": Column(setting="dataset.labels")}
    error = refusal(tmp_path, ["user,item,click", "u,1,1"], RawFile("log.csv", columns, others=True))
    assert error.fix.startswith("correct dataset.labels")


def test_rows_that_are_left_out_count_over_all_tables(shop, shop_dir, tmp_path):
    (shop_dir / "shop.csv").write_text("user,city,price,click,buy\nu,c,x,0,0\nu,c,1,0,0\n")
    source = source_of(shop_dir / "shop.csv", shop.files()["shop"], shop_dir)
    sources = {"shop": [source], "again": [source]}
    one, two = (type(shop)(type(shop.settings)(bad_rows="skip", max_bad_rows=most)) for most in (1, 2))
    with workshop(shop_dir, tmp_path, None) as (db, work_dir):
        assert [each.fault.line for each in read_tables(db, two, sources, work_dir, silent)] == [2, 2]
    with workshop(shop_dir, tmp_path, None) as (db, work_dir), pytest.raises(DataError, match="price"):
        read_tables(db, one, sources, work_dir, silent)
    source.path.write_text("user,city,price,click,buy\n")
    with (
        workshop(shop_dir, tmp_path, None) as (db, work_dir),
        pytest.raises(DataError, match="holds no rows"),
    ):
        read_tables(db, one, sources, work_dir, silent)


class Shop(Dataset):
    version, source = 1, "https://example.org (CC0)"
    fields, labels = (Sparse("a"),), (Label("click"),)

    def rows(self, db):
        return db.table("log")


def found(folder, *paths):
    """Return the sources of the tables of a dataset with these files."""
    shop = Shop(DatasetSettings())
    shop.files = lambda: {path: RawFile(path, {"a": TEXT}) for path in paths}
    return find(folder, shop, "shop")


def test_all_missing_files_are_named_at_once(tmp_path):
    (tmp_path / "there.csv").touch()
    with pytest.raises(InputMissingError, match=r"log\.csv: (.|\n)*users\.csv: ") as error:
        found(tmp_path, "there.csv", "log.csv", "users.csv")
    assert "there.csv" not in str(error.value)
    assert "get them from https://example.org (CC0)" in error.value.fix
    with pytest.raises(InputMissingError, match=r"needs a folder with its raw files: there\.csv, log\.csv"):
        found(None, "there.csv", "log.csv")


def test_a_raw_file_that_links_elsewhere_is_refused(folders, tmp_path):
    (tmp_path / "log.csv").touch()
    (folders[0] / "log.csv").symlink_to(tmp_path / "log.csv")
    with pytest.raises(DataError, match="links to a file outside"):
        found(folders[0], "log.csv")


def test_a_pattern_finds_its_files_in_order_unless_a_file_has_this_name(tmp_path):
    for name in ("log2.csv", "log1.csv", "other.csv", "log[1].csv"):
        (tmp_path / name).touch()
    sources = found(tmp_path, "log?.csv", "log[1].csv")
    names = {pattern: [source.name for source in of] for pattern, of in sources.items()}
    assert names == {"log?.csv": ["log1.csv", "log2.csv"], "log[1].csv": ["log[1].csv"]}
    (tmp_path / "log[1].csv").unlink()
    assert [source.name for source in found(tmp_path, "log[1].csv")["log[1].csv"]] == ["log1.csv"]


# Parquet files are read like the rows of text files.


FRAME = pd.DataFrame(
    {
        "user": [3, 1, 2],
        "age": [30.0, np.nan, 41.0],
        "price": np.array([0.5, np.nan, 2], np.float32),
        "tag": ["a", None, "b"],
        "click": [True, False, True],
        "text": ["7", "8", "9"],
    }
)
IN_FRAME = {"user": INTEGER, "age": INTEGER, "price": NUMBER, "tag": TEXT, "click": BIT, "text": INTEGER}


def parquet(rows):
    """Return the bytes of a Parquet file of a frame, or of what a query finds."""
    with duckdb.connect() as db, TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        (db.sql(rows) if isinstance(rows, str) else db.from_df(rows)).write_parquet(str(path))
        return path.read_bytes()


def read_parquet(folders, rows, columns, most=None, others=False):
    content = rows if isinstance(rows, bytes) else parquet(rows)
    return read(folders, content, RawFile("t.parquet", columns, others=others), most)


BLANKS = pd.DataFrame({"user": [3, -1, 2], "tag": ["a", "NA", ""], "text": ["7", "-1.0", "9"]})
MINUS, SINGLE = Column("integer", blanks=("-1",)), np.float32(1e38)


@pytest.mark.parametrize(
    ("frame", "columns", "rows"),
    [
        (FRAME, IN_FRAME, [(3, 30, 0.5, "a", 1, 7), (1, None, None, None, 0, 8), (2, 41, 2.0, "b", 1, 9)]),
        (FRAME, {"user": INTEGER, "tag": UNUSED}, [(3,), (1,), (2,)]),
        (FRAME, {"user": INTEGER, "TAG": Column("text", optional=True)}, [(3, "a"), (1, None), (2, "b")]),
        (BLANKS, {"user": MINUS, "tag": Column(blanks=("NA",)), "text": MINUS},
         [(3, "a", 7), (None, None, None), (2, None, 9)]),
        (pd.DataFrame({"price": [1e38, -1e38]}), {"price": NUMBER}, [(1e38,), (-1e38,)]),
        (pd.DataFrame({"price": np.array([SINGLE])}), {"price": NUMBER}, [(float(SINGLE),)]),
    ],
)  # fmt: skip
def test_values_of_parquet_are_those_of_a_text_file(folders, frame, columns, rows):
    assert read_parquet(folders, frame, columns) == (rows, [])


FAULTY = pd.concat(
    [FRAME.assign(age=[30.5, np.nan, 41.0], text=["7", "x", "9"], price=[0.5, 1.0, np.inf]), FRAME[:1]]
)


@pytest.mark.parametrize(
    ("column", "kind", "values", "message"),
    [
        ("age", INTEGER, [1.0, 2.5, 3.0], 'row 2: age: expected an integer, found "2.5"'),
        ("price", NUMBER, [1.0, 2.5, np.inf], 'row 3: price: expected a finite number, found "inf"'),
        ("click", BIT, [0, 2, 1], 'row 2: click: expected 0 or 1, found "2"'),
        ("tag", Column(among=("a", "b")), ["a", "b", "c"], 'row 3: tag: expected a or b, found "c"'),
        ("price", NUMBER, ["1", "2", "cheap"], 'row 3: price: expected a number, found "cheap"'),
        ("price", NUMBER, [1, np.nan, -1e39], "row 3: price: expected a number of at most 1e+38"),
        ("price", Column("number", optional=True), [1, np.nan, -1e39], "row 3: price: expected a number of"),
        ("usr", INTEGER, None, "lacks 'usr' (did you mean 'user'?)"),
    ],
)
def test_a_faulty_row_of_parquet_is_named(folders, column, kind, values, message):
    frame = FRAME if values is None else pd.DataFrame({column: values})
    with pytest.raises(DataError) as error:
        read_parquet(folders, frame, {column: kind})
    assert str(error.value).startswith(f"{folders[0]}/t.parquet: {message}")


def test_faulty_rows_of_parquet_are_left_out_and_told(folders):
    rows, rejected = read_parquet(folders, FAULTY, IN_FRAME, most=3)
    assert rows == [(3, 30, 0.5, "a", 1, 7)]
    assert [(fault.line, fault.column) for _, fault in rejected] == [(1, "age"), (2, "text"), (3, "price")]


@pytest.mark.parametrize(("first", "second"), [("user", "user"), ("user", "USER"), ("User", "user")])
def test_two_columns_of_one_name_are_an_error(folders, first, second):
    """DuckDB calls the second one `user_1`; a column that has this name is another one."""
    content = parquet("SELECT 1 AS aser, 2 AS bser")
    content = content.replace(b"aser", first.encode()).replace(b"bser", second.encode())
    with pytest.raises(DataError, match="two columns are called 'user'"):
        read_parquet(folders, content, {"user": INTEGER}, others=True)
    rows = 'SELECT 1 AS "user", 2 AS user_1'
    assert read_parquet(folders, rows, {"user": INTEGER}, others=True)[0] == [(1,)]


def test_no_flipped_bit_is_a_traceback_and_a_text_file_is_refused(tmp_path):
    path, whole = tmp_path / "t.parquet", parquet(FRAME)
    with connect(tmp_path, tmp_path) as db:
        for place in range(0, len(whole), max(len(whole) // 60, 1)):
            flipped = bytearray(whole)
            flipped[place] ^= 4
            path.write_bytes(flipped)
            with suppress(DataError):
                columnar.load(db, f"t{place}", path, RawFile("t.parquet", IN_FRAME), 0)
        path.write_text("a,b\n1,2\n")
        with pytest.raises(DataError, match="not a Parquet file"):
            columnar.load(db, "t", path, RawFile("t.parquet", IN_FRAME), 0)


ODD = {
    "struct": ("{'a': 1}", TEXT),
    "binary": ("'a'::BLOB", TEXT),
    "list": ("['a']", TEXT),
    "lists of lists": ("[['a']]", Column("text", separator="|")),
    "list of structs": ("[{'a': 1}]", Column("text", separator="|")),
}


@pytest.mark.parametrize(("value", "column"), ODD.values(), ids=ODD)
def test_values_that_are_no_single_ones_are_refused(value, column, folders):
    with pytest.raises(DataError, match=r"column 'x' is of the type .*, expected single values"):
        read_parquet(folders, f"SELECT {value} AS x", {"x": column})


@pytest.mark.parametrize("kind", [TEXT, NUMBER, INTEGER], ids=lambda kind: kind.kind)
def test_nan_is_a_blank_whatever_the_statistics_of_the_file_say(folders, kind):
    rows = "SELECT CASE WHEN i % 2 THEN 'nan'::DOUBLE ELSE 1 END AS x FROM range(4) AS r(i)"
    found = read_parquet(folders, rows, {"x": kind})[0]
    assert [value is None for (value,) in found] == [False, True, False, True]
