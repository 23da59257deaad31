"""Raw files are found and become tables; faulty rows have a place and a remedy."""

import gzip

import duckdb
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
    ],
)  # fmt: skip
def test_values_have_their_types_and_blanks_are_null(folders, file, content, rows):
    assert read(folders, content, file) == (rows, [])


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


@pytest.mark.parametrize("stem", ["log[1]", "log?", "lo*g"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_signs_of_patterns_in_a_name_stand_for_themselves(folders, stem, suffix):
    data, work = folders
    for n, name in enumerate((stem, "log1", "loXg")):
        table = duckdb.sql(f"SELECT {n} AS \"user\", 'a' AS tags, 1 AS click")
        write = table.write_csv if suffix == "csv" else table.write_parquet
        write(str(data / "draft"))
        (data / "draft").rename(data / f"{name}.{suffix}")
    file = RawFile(f"{stem}.{suffix}", COLUMNS)
    with connect(data, work) as db:
        load(db, "log", [source_of(data / file.path, file, data)], work, None)
        assert db.table("log").fetchall() == [(0, "a", 1)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_short_row_amid_quoted_ones_is_no_cut_last_line(folders, packed):
    content = b'1,"a",0\n' * 1000 + b'2,"b"\n' + b'1,"a",0\n' * 1000
    file = RawFile("log.csv.gz" if packed else "log.csv", COLUMNS, header=False, cut_tail=True)
    with pytest.raises(DataError, match=":1001: expected 3 columns, found 2"):
        read(folders, gzip.compress(content) if packed else content, file)


def test_the_line_is_right_far_into_a_large_file(folders):
    lines = [b"12345,abcdefghij,0\n"] * 300_000
    lines[270_000] = b"12345\n"
    with pytest.raises(DataError, match=r"log\.csv:270001: expected 3 columns, found 1"):
        read(folders, b"".join(lines), BARE)


@pytest.mark.parametrize("tail", [b"", b"3", b"3,c"])
def test_a_blank_value_too_many_is_noticed(folders, tail):
    with pytest.raises(DataError, match=r"log\.csv:2: expected 3 columns, found 4"):
        read(folders, b"1,a,0\n2,b,1,\n" + tail, CUT)


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
    assert str(error).endswith(" rows")


@pytest.mark.parametrize("others", [1, 4, 1000])
def test_a_slip_is_to_be_repaired(tmp_path, others):
    error = refusal(
        tmp_path, [HEADER, "u,1,1.5,2", *["u,1,1.5,1"] * others, *["u,1,1.5,2"] * (others == 1000)]
    )
    assert error.fix == REPAIR
    assert str(error) == f'{tmp_path}/log.csv:2: click: expected 0 or 1, found "2": "u,1,1.5,2"'


@pytest.mark.parametrize("share", [1, 1000])
def test_text_in_another_encoding_is_to_be_converted(tmp_path, share):
    rows = [f"{'é' if n % share == 0 else 'e'},{n},1.5,1" for n in range(2000)]
    error = refusal(tmp_path, [HEADER, *rows], encoding="latin-1")
    assert str(error.fix).startswith("in settings of a table, declare its encoding: dataset.encoding: cp1252")
    assert "convert it to UTF-8: iconv -f ISO-8859-1 -t UTF-8" in str(error.fix)
    assert "max-bad-rows N" in str(error.fix)


@pytest.mark.parametrize(
    "text", ['{"user": "u", "item": 1}\n', '[\n {"user": 1}]', '[{"user": 1}]', "[[1, 2]]"]
)
def test_json_is_to_be_written_otherwise(tmp_path, text):
    error = refusal(tmp_path, [text], RawFile("log.csv", {"click": BIT}))
    assert "holds JSON" in str(error)
    assert error.fix == "write it as CSV or Parquet"


def test_a_name_of_the_settings_is_corrected_there(tmp_path):
    columns = {"user": Column(setting="dataset.sparse"), "clik": Column(setting="dataset.labels")}
    error = refusal(tmp_path, ["user,item,click", "u,1,1"], RawFile("log.csv", columns, others=True))
    assert "lacks 'clik'" in str(error)
    there, header = '"user,item,click"', "let the first line name user,clik"
    assert error.fix == f"correct dataset.labels (the first line of the file is {there}), or {header}"


@pytest.mark.parametrize("most", [1, 2])
def test_rows_that_are_left_out_count_over_all_tables(shop, shop_dir, tmp_path, most):
    (shop_dir / "shop.csv").write_text("user,city,price,click,buy\nu,c,x,0,0\nu,c,1,0,0\n")
    source = source_of(shop_dir / "shop.csv", shop.files()["shop"], shop_dir)
    chosen = type(shop)(type(shop.settings)(bad_rows="skip", max_bad_rows=most))
    with workshop(shop_dir, tmp_path, None) as (db, work_dir):
        sources = {"shop": [source], "again": [source]}
        if most == 2:
            assert [one.fault.line for one in read_tables(db, chosen, sources, work_dir, silent)] == [2, 2]
            return
        with pytest.raises(DataError, match="price: expected a number"):
            read_tables(db, chosen, sources, work_dir, silent)


ONE = RawFile("log.csv", {"a": TEXT})


def dataset(files, source=""):
    class Shop(Dataset):
        version = 1
        fields = (Sparse("a"),)
        labels = (Label("click"),)

        def files(self):
            return files

        def rows(self, db):
            return db.table("log")

    made = Shop(DatasetSettings())
    made.__class__.source = source
    return made


def test_all_missing_files_are_named_at_once(tmp_path):
    (tmp_path / "there.csv").touch()
    files = {name: RawFile(f"{name}.csv", {"a": TEXT}) for name in ("there", "log", "users")}
    with pytest.raises(InputMissingError) as error:
        find(tmp_path, dataset(files, "https://example.org (CC0)"), "shop")
    assert str(error.value).splitlines() == [
        f"{tmp_path}/log.csv: raw file of dataset shop not found",
        f"{tmp_path}/users.csv: raw file of dataset shop not found",
    ]
    assert error.value.fix == (
        "name the folder of its raw files: --data-dir FOLDER; get them from https://example.org (CC0); "
        "or try `--dataset synthetic`, which needs no files"
    )
    with pytest.raises(
        InputMissingError, match=r"needs a folder with its raw files: there\.csv, log\.csv, users\.csv"
    ):
        find(None, dataset(files), "shop")


def test_a_raw_file_that_links_elsewhere_is_refused(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "log.csv").touch()
    (data / "log.csv").symlink_to(tmp_path / "log.csv")
    with pytest.raises(DataError, match="links to a file outside"):
        find(data, dataset({"log": ONE}), "shop")


def test_a_pattern_finds_all_its_files_in_order(tmp_path):
    for name in ("log2.csv", "log1.csv", "other.csv"):
        (tmp_path / name).touch()
    file = RawFile("log*.csv", {"a": TEXT})
    found = find(tmp_path, dataset({"log": file}), "shop")
    assert found == {"log": [source_of(tmp_path / name, file, tmp_path) for name in ("log1.csv", "log2.csv")]}
    assert [source.name for source in found["log"]] == ["log1.csv", "log2.csv"]


def test_a_file_whose_name_is_a_pattern_for_another_is_the_one_that_is_meant(tmp_path):
    for name in ("data[1].csv", "data1.csv"):
        (tmp_path / name).write_text("a\nx\n")
    shop = dataset({"log": RawFile("data[1].csv", {"a": TEXT})})
    assert [one.name for one in find(tmp_path, shop, "shop")["log"]] == ["data[1].csv"]
    (tmp_path / "data[1].csv").unlink()
    assert [one.name for one in find(tmp_path, shop, "shop")["log"]] == ["data1.csv"]
