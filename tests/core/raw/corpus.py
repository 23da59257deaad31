"""Odd or malformed files of one table, and what preparation is to make of each."""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COLUMNS = ("user_id", "item_id", "price", "tag", "click", "buy")
SETTINGS = {
    "sparse": {"user_id": "integer", "item_id": "integer", "tag": "text"},
    "dense": ["price"],
    "labels": ["click", "buy"],
}
"""The same columns in the settings of the dataset `table`."""
HEADER = ",".join(COLUMNS)
ROWS = [
    f"{n % 7 + 1},{n % 5 + 10},{n / 4},{('red', 'blue', '')[n % 3]},{n % 2},{n % 4 // 3}" for n in range(40)
]
"""The rows of each file, where nothing else is said."""
LINE = 22
"""Where an odd row stands among them."""


@dataclass(frozen=True)
class Case:
    """A file, and what preparation makes of it."""

    name: str
    content: bytes
    message: str = ""
    """Pattern of the error, or of the warning where the exit code is 0. A path stands before a colon."""
    fix: str = ""
    """Pattern of the way out."""
    exit_code: int = 65
    accepted: int | None = None
    """Rows that are left with `bad_rows=skip`; None if the file is refused even so."""
    rejected: int = 0
    """Rows that are left out with `bad_rows=skip`."""
    file_name: str = "log.csv"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """In place of those in `SETTINGS`."""

    def pattern(self, path):
        """Return the pattern of the message about the file at `path`."""
        return (re.escape(str(path)) if self.message.startswith(":") else "") + self.message


def table(rows=ROWS, header=HEADER, end="\n"):
    return "".join(line + end for line in (header, *rows)).encode()


def with_rows(*odd):
    """Return a file of the 40 rows and odd ones from line 22 on."""
    lines = table().splitlines()
    lines[LINE - 1 : LINE - 1] = [row.encode() if isinstance(row, str) else row for row in odd]
    return b"\n".join([*lines, b""])


def with_column(name, value):
    """Return a file of the 40 rows with other values in a column."""
    rows = [dict(zip(COLUMNS, row.split(","), strict=True)) for row in ROWS]
    return table([",".join({**row, name: value(n)}.values()) for n, row in enumerate(rows)])


def backwards(row):
    return ",".join(reversed(row.split(",")))


def fine(name, content, warning=""):
    return Case(name, content, warning, exit_code=0, accepted=40)


def bad_row(name, row, message):
    return Case(name, with_rows(row), f":{LINE}: {message}", "dataset.bad_rows=skip", accepted=40, rejected=1)


def bad_rows(name, content, message, accepted=40, rejected=1):
    return Case(name, content, message, "dataset.bad_rows=skip", accepted=accepted, rejected=rejected)


def refused(name, content, message, fix, file_name="log.csv"):
    return Case(name, content, message, fix, file_name=file_name)


def unlearnable(name, content, message):
    return Case(name, content, message, "leave the task out", accepted=40)


TEXT_OF_ROWS = table().decode()
PACKED = gzip.compress(table(), mtime=0)
OPEN = '3,12,1.5,"red,1,0'
LONG = [f"3,12,1.5,{'x' * 100_000},1,0"] * 25
"""Rows that together are longer than one may be."""
COPY = "get a (complete|sound|new) copy"
FIRST_LINE = "let the first line name [a-z_,]*user_id,"

ROW_LENGTHS = [
    bad_row("short row", "3,12,1.5", 'expected 6 columns, found 3: "3,12,1.5"'),
    bad_row("long row", "3,12,1.5,red,1,0,7", "expected 6 columns, found 7"),
    bad_row("row shifted to the left", "3,1.5,red,1,0,", 'item_id: expected an integer, found "1.5"'),
    bad_rows("cut last line", table() + b"3,12,1.", ':42: expected 6 columns, found 3: "3,12,1."'),
]
BYTES = [
    bad_row("Latin-1", "3,12,1.5,café,1,0".encode("latin-1"), r'tag: not UTF-8: "3,12,1.5,caf\\xe9,1,0"'),
    bad_rows("zeroed end", table() + bytes(512), ":42: user_id: holds a NUL byte"),
    fine("UTF-16", TEXT_OF_ROWS.encode("utf-16")),
    refused(
        "UTF-16 without a mark", TEXT_OF_ROWS.encode("utf-16-be"), ":1: holds NUL", "convert it to UTF-8"
    ),
    refused("UTF-32", TEXT_OF_ROWS.encode("utf-32"), ":1: holds UTF-32", "iconv -f UTF-32"),
    fine("byte order mark", b"\xef\xbb\xbf" + table()),
]
QUOTES = [
    bad_row("open quote", OPEN, 'tag: a quoted value does not end: "3,12,1.5,"red,1,0"'),
    bad_rows(
        "open quote before megabytes", with_rows(OPEN, *LONG), ":22: tag: a quoted value does not end", 65
    ),
    bad_row(
        "giant value", f'3,12,1.5,"{"x" * 2_000_000}",1,0', 'longer than 2000000 bytes: "3,12,1.5,"x{70}'
    ),
]
LINES = [
    fine("mixed line ends", table(ROWS[:20]) + table(ROWS[20:], end="\r\n").split(b"\n", 1)[1]),
    fine("blank lines", with_rows("", "") + b"\n\r\n\n"),
    refused("old Macintosh", table(end="\r"), ":1: its lines end in carriage returns", "line feeds"),
]
HEADERS = [
    refused("empty", b"", ":1: the file is empty", COPY),
    refused("header alone", table([]), ": holds no rows", COPY),
    refused("no header", table(ROWS[1:], ROWS[0]), f':1: no header: .*: "{ROWS[0]}"', FIRST_LINE),
    refused(
        "missing column",
        table([row[:-2] for row in ROWS], HEADER.removesuffix(",buy")),
        ":1: the header lacks 'buy'",
        FIRST_LINE,
    ),
    refused("blank line before the header", b"\n" + table(), ":1: the first line is blank", FIRST_LINE),
    fine("columns in another order", table([backwards(row) for row in ROWS], backwards(HEADER))),
]
SEPARATORS = [
    refused("semicolons", table().replace(b",", b";"), ":1: semicolons separate its values", "separator ';'")
]
VALUES = [
    bad_row("fraction as an id", "9.5,12,1.5,red,1,0", 'user_id: expected an integer, found "9.5"'),
    bad_row("label 2", "3,12,1.5,red,2,0", 'click: expected 0, 1, 0.0 or 1.0, found "2"'),
]
COMPRESSED = [
    refused("cut gzip", PACKED[:-20], ": cut off", COPY, "log.csv.gz"),
    refused("gzip named .csv", PACKED, ":1: holds gzip data", r"name end in \.gz"),
]
TABLES = [
    unlearnable(
        "label of one class", with_column("buy", lambda _: "0"), "label buy is 0 in all training rows"
    ),
    unlearnable("label that is missing", with_column("buy", lambda _: ""), "label buy is missing in all"),
    fine("constant column", with_column("item_id", lambda _: "10"), "the same in all training rows: item_id"),
    fine("blank column", with_column("price", lambda _: ""), "the same in all training rows: price"),
    Case("label as a field", table(), "'click'", "", 2, 40, settings={"dense": ["price", "click"]}),
]
CASES = [*ROW_LENGTHS, *BYTES, *QUOTES, *LINES, *HEADERS, *SEPARATORS, *VALUES, *COMPRESSED, *TABLES]
