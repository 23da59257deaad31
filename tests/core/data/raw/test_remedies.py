"""A remedy is one: that of a slip in a row is another than that of a column that is not as declared."""

from pathlib import Path

import pytest

from automtl_core.data.raw.connection import connect
from automtl_core.data.raw.find import source_of
from automtl_core.data.raw.load import load
from automtl_core.data.raw.remedies import REPAIR
from automtl_core.dataset.dataset import BIT, INTEGER, NUMBER, TEXT, Column, RawFile
from automtl_core.errors import DataError

LABEL = Column("integer", ("0", "1"), remedy="say which values mean 1, such as {value}")
COLUMNS = {"user": TEXT, "item": INTEGER, "price": NUMBER, "click": LABEL}


def refusal(folder: Path, rows: list[str], encoding: str = "utf-8", **declared: object) -> DataError:
    path = folder / "log.csv"
    header = str(declared.get("separator", ",")).join(COLUMNS)
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    file = RawFile("log.csv", COLUMNS, **declared)  # type: ignore[arg-type]
    with pytest.raises(DataError) as error, connect(folder, folder) as db:
        load(db, "log", [source_of(path, file, folder)], folder, None)
    return error.value


@pytest.mark.parametrize(
    ("row", "fix"),
    [
        ("u{n},{n},1.5,{three}", "say which values mean 1, such as 2"),
        ("u{n},{n},1.5,yes", "say which values mean 1, such as yes"),
        ("u{n},{n},cheap,1", "convert the column price, or declare its actual type"),
        ("u{n},{n},1,5,1", "declare the actual columns of the rows, or write the file with"),
        ('u{n},{n},"1,5",1', "write numbers with a decimal point: 1.5"),
        ('u{n},"1,5",1.5,1', "write numbers with a decimal point: 1.5"),
        ('u{n},"1,000",1.5,1', "write numbers without thousands separators: 1000"),
        ("u{n},{n},1.5,{three}.0", "say which values mean 1, such as "),
    ],
)
def test_where_most_rows_have_one_fault_it_is_the_files(tmp_path: Path, row: str, fix: str) -> None:
    error = refusal(tmp_path, [row.format(n=n, three=n % 3) for n in range(90)])
    assert str(error.fix).startswith(fix)
    assert "; the same fault in " in str(error)
    assert str(error).endswith(" rows")


@pytest.mark.parametrize("others", [1, 4, 1000])
def test_a_slip_is_to_be_repaired(tmp_path: Path, others: int) -> None:
    error = refusal(tmp_path, ["u,1,1.5,2", *["u,1,1.5,1"] * others, *["u,1,1.5,2"] * (others == 1000)])
    assert error.fix == REPAIR
    assert str(error) == f'{tmp_path}/log.csv:2: click: expected 0 or 1, found "2": "u,1,1.5,2"'


def test_other_faults_are_other_slips(tmp_path: Path) -> None:
    rows = ["u,1,1.5,2", "u,x,1,1", "u,1,x,1", "u,1", "u,1,1.5,1", "u,1,1.5,1"]
    assert refusal(tmp_path, rows).fix == REPAIR


@pytest.mark.parametrize("share", [1, 1000])
def test_text_in_another_encoding_is_to_be_converted(tmp_path: Path, share: int) -> None:
    rows = [f"{'é' if n % share == 0 else 'e'},{n},1.5,1" for n in range(2000)]
    error = refusal(tmp_path, rows, "latin-1")
    assert str(error.fix).startswith("in settings of a table, declare its encoding: dataset.encoding: cp1252")
    assert "convert it to UTF-8: iconv -f ISO-8859-1 -t UTF-8" in str(error.fix)
    assert "bad-rows skip" in str(error.fix)


@pytest.mark.parametrize(
    "text", ['{"user": "u", "item": 1}\n', '[\n {"user": 1}]', '[{"user": 1}]', "[[1, 2]]"]
)
def test_json_is_to_be_written_otherwise(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    file = RawFile("log.csv", {"click": BIT})
    with pytest.raises(DataError, match="holds JSON") as error, connect(tmp_path, tmp_path) as db:
        load(db, "log", [source_of(tmp_path / "log.csv", file, tmp_path)], tmp_path, None)
    assert error.value.fix == "write it as CSV or Parquet"


def test_a_name_of_the_settings_is_corrected_there(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,click\nu,1,1\n")
    names = {"user": "dataset.sparse", "clik": "dataset.labels"}
    file = RawFile("log.csv", {"user": TEXT, "clik": BIT}, others=True, named_by=names)
    source = source_of(tmp_path / "log.csv", file, tmp_path)
    with pytest.raises(DataError, match="lacks 'clik'") as error, connect(tmp_path, tmp_path) as db:
        load(db, "log", [source], tmp_path, None)
    there, header = '"user,item,click"', "let the first line name user,clik"
    assert error.value.fix == f"correct dataset.labels (the first line of the file is {there}), or {header}"
