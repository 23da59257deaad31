"""Odd or malformed files of one table through the command line."""

import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from automtl_cli.app import run
from automtl_cli.errors import Stop

HEADER = "user_id,item_id,price,tag,click,buy"
SETTINGS = {
    "sparse": {"user_id": "integer", "item_id": "integer", "tag": "text"},
    "dense": ["price"],
    "labels": ["click", "buy"],
}
ROWS = [
    f"{n % 7 + 1},{n % 5 + 10},{n / 4},{('red', 'blue', '')[n % 3]},{n % 2},{n % 4 // 3}" for n in range(40)
]
SKIP = ("--set", "dataset.bad_rows=skip")


def table(rows=ROWS, header=HEADER, end="\n"):
    return "".join(line + end for line in (header, *rows)).encode()


def with_row(row):
    """Return a file of the 40 rows and an odd one in line 22."""
    lines = table().splitlines(keepends=True)
    return b"".join([*lines[:21], row + b"\n", *lines[21:]])


@pytest.fixture
def describe(tmp_path, capsys, monkeypatch):
    """Return a function that prepares and describes a table; it returns exit code and outputs."""
    monkeypatch.chdir(tmp_path)

    def describe(content, *more):
        (tmp_path / "log.csv").write_bytes(content)
        settings = {"data_dir": str(tmp_path), "dataset": {"name": "table", "files": "log.csv", **SETTINGS}}
        (tmp_path / "my.yaml").write_text(yaml.safe_dump(settings))
        code = run(["data", "describe", "my.yaml", "--rows", "1", *more], Stop())
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert all(line.isprintable() for line in err.splitlines())
        return code, out, err

    return describe


def assert_refused(described, message, fix):
    code, _, err = described
    assert code == 65, err
    assert re.search(f"error: .*log.csv{message}", err), err
    assert re.search(fix, err.split("  fix: ")[1])
    assert not list(Path().glob("prepared/*"))


REFUSED = {
    "UTF-16 without a mark": (table().decode().encode("utf-16-be"), ":1: holds NUL", "convert it to UTF-8"),
    "UTF-32": (table().decode().encode("utf-32"), ":1: holds UTF-32", "iconv -f UTF-32"),
    "old Macintosh": (table(end="\r"), ":1: its lines end in carriage returns", "line feeds"),
    "empty": (b"", ":1: the file is empty", "get a complete copy"),
    "header alone": (table([]), ": holds no rows", "get a complete copy"),
    "no header": (table(ROWS[1:], ROWS[0]), f':1: no header: .*: "{ROWS[0]}"', "let the first line name"),
    "blank first line": (b"\n" + table(), ":1: the first line is blank", "let the first line name"),
    "gzip named .csv": (gzip.compress(table(), mtime=0), ":1: holds gzip data", r"name end in \.gz"),
}


@pytest.mark.parametrize(("content", "message", "fix"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_no_table_is_refused_also_where_faulty_rows_are_left_out(
    describe, content, message, fix
):
    for more in ((), SKIP):
        assert_refused(describe(content, *more), message, fix)


FAULTY = {
    "short row": (with_row(b"3,12,1.5"), ':22: expected 6 columns, found 3: "3,12,1.5"'),
    "Latin-1": (with_row("3,12,1.5,café,1,0".encode("latin-1")), r":22: tag: not UTF-8: .*caf\\xe9,1,0"),
    "open quote": (with_row(b'3,12,1.5,"red,1,0'), ":22: tag: a quoted value does not end"),
    "cut last line": (table() + b"3,12,1.", ":42: expected 6 columns, found 3"),
    "zeroed end": (table() + bytes(512), ":42: user_id: holds a NUL byte"),
}


@pytest.mark.parametrize(("content", "message"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_row_is_refused_or_left_out(describe, content, message):
    assert_refused(describe(content), message, "dataset.bad_rows=skip")
    assert_refused(describe(content, *SKIP, "--set", "dataset.max_bad_rows=0"), message, "max_bad_rows")
    made = json.loads(describe(content, *SKIP, "--json")[1])["prepared"]
    assert (sum(made["rows"].values()), made["rejected"]) == (40, 1)
    assert (Path(made["path"]) / "rejected.csv").exists()


SOUND = {
    "plain": table(),
    "UTF-16": table().decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + table(),
    "mixed line ends": table(ROWS[:20]) + table(ROWS[20:], end="\r\n").split(b"\n", 1)[1],
    "blank lines": with_row(b"\n\r") + b"\n\r\n\n",
}


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND)
def test_a_sound_file_has_no_rejected_rows(describe, content):
    made = json.loads(describe(content, *SKIP, "--json")[1])["prepared"]
    assert (sum(made["rows"].values()), made["rejected"]) == (40, 0)
    assert not (Path(made["path"]) / "rejected.csv").exists()
