"""What is guessed of files of the kinds that occur in the wild, or how they are refused, word by word.

Each case is made by a small function of a row's number, from 0 on.
"""

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb

from automtl_core.errors import DataError
from automtl_inspection.guess.guess import TableGuess, guess
from automtl_inspection.guess.peek import peek

ROWS = 120

BASE = {"user_id": lambda n: n % 30, "price": lambda n: n * 7 % 90 / 10, "click": lambda n: n % 2}


def text(columns, rows=ROWS, sep=",", end="\n", head=True):
    lines = [sep.join(columns)] if head else []
    lines += [sep.join(str(cell(n)) for cell in columns.values()) for n in range(rows)]
    return "".join(line + end for line in lines)


def more(**columns):
    """Return the text of the base table with further columns."""
    return text({**BASE, **columns})


def but(row, odd, cell):
    """Return a cell with another value in one row."""
    return lambda n: odd if n == row else cell(n)


def every(step, odd, cell):
    """Return a cell with another value in each row of this step."""
    return lambda n: cell(n) if n % step else odd


class File(NamedTuple):
    """A file, and what is told of it."""

    content: str | bytes | Callable[[Path], None]
    """Text, bytes, or a function that writes the file."""
    name: str = "a.csv"
    columns: tuple[str, ...] = ()
    """Names of the columns, where they are given."""
    labels: tuple[str, ...] = ()
    """Columns that are named as labels."""

    def write(self, path):
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(self.content.encode() if isinstance(self.content, str) else self.content)


def parquet(columns):
    """Return a Parquet file of columns, in SQL for the row `n`."""

    def write(path):
        with duckdb.connect() as db:
            base = "(n % 30)::BIGINT AS user_id, (n % 2)::BIGINT AS click"
            db.sql(f"FROM range({ROWS}) t(n)").project(f"{base}, {columns}").write_parquet(str(path))

    return File(write, "a.parquet")


def blank(mark):
    """Return the base table with blanks among numbers and in a label."""
    return more(age=every(4, mark, lambda n: n % 80), buy=every(5, mark, lambda n: n % 3 % 2))


def label(low, high):
    """Return the base table with a label of two words."""
    return more(buy=lambda n: high if n % 3 else low)


def time(cell, name="timestamp"):
    """Return the base table with a time."""
    return more(**{name: cell})


def named(cell):
    """Return a file with a label that is named."""
    columns = {"user_id": BASE["user_id"], "price": BASE["price"], "liked": cell}
    return File(text(columns), labels=("liked",))


def genres(n):
    return "|".join(genre for k, genre in enumerate(("Drama", "Horror", "Romance")) if (n % 7 + 1) >> k & 1)


LOG = {
    "user": lambda n: n % 30 * 5077,
    "item": lambda n: n % 40 * 3571,
    "action": lambda n: ("pv", "pv", "cart", "pv", "buy", "fav")[n % 6],
    "at": lambda n: 1_511_544_070 + n,
}


CRLF = text(BASE, end="\r\n")
FILES = {
    "plain": text(BASE),
    "byte order mark": text(BASE).encode("utf-8-sig"),
    "UTF-16": text(BASE).encode("utf-16"),
    "UTF-32": text(BASE).encode("utf-32"),
    "damaged UTF-16": text(BASE).encode("utf-16") + b"\x00\xdc\x00\xdc",
    "UTF-16 without a mark": text(BASE).encode("utf-16-le"),
    "Latin-1": more(city=lambda n: f"Köln {n % 3}").encode("latin-1"),
    "Latin-1 in one row": more(city=but(50, "K\xf6ln", lambda n: f"Ulm {n % 3}")).encode("latin-1"),
    "UTF-8 but for one row": more(city=lambda n: f"Köln {n % 3}")
    .encode()
    .replace("Köln".encode(), b"K\xf6ln", 1),
    "image": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "unknown binary data": b"\x7fELF\x02\x01\x01\xb7\n" * 9,
    "quotes": more(city=lambda n: f'"a, ""{n % 9}"""'),
    "line breaks in quotes": more(city=lambda n: f'"a\n{n % 9}"'),
    "CRLF": CRLF,
    "CRLF and one LF": CRLF.replace("\r\n", "\n", 50).replace("\n", "\r\n", 49),
    "CR": text(BASE, end="\r"),
    "thousands separators": more(pay=lambda n: f'"{n * 999:,}"'),
    "decimal commas": text({**BASE, "pay": lambda n: f"{n},{n % 7}"}, sep=";"),
    "points as thousands separators": more(
        pay=lambda n: f"{n * 99:,}".replace(",", "."), item_nr=lambda n: f"{n * 37:,}".replace(",", ".")
    ),
    "three decimals": more(pay=lambda n: n / 8 + 0.125),
    "dates with the day first": more(sold=lambda n: f"{n % 28 + 1:02}.01.2024 12:{n % 60:02}"),
    "versions": more(app=lambda n: f"{n % 3}.1{n % 7}.{n % 5}"),
    "a German yes without a telling name": more(gekauft=lambda n: "nein" if n % 3 else "ja"),
    "currencies": more(pay=lambda n: f"{n * 1.5} €"),
    "a name twice": more(age=lambda n: n % 40 + 0.5).replace("age", "price"),
    "spaces as blanks": blank(" "),
    "names with two meanings": more(guest=lambda n: "ny"[n % 2], late_2y=lambda n: n % 4),
    "no header": text({**BASE, "user_id": lambda n: 1000 + n % 30}, head=False),
    "ragged rows": text(BASE).replace("\n7,", "\n7,7,7,"),
    "rows wider than the header": text(BASE)
    .replace("click\n", "click", 1)
    .replace("\n", ",9\n")
    .replace("click", "click\n"),
    "separators at line ends": text(BASE, end=",\n"),
    "blank lines": text(BASE, end="\n\n") + "\n\n",
    "comment": "# exported today\n" + text(BASE),
    "semicolons": text(BASE, sep=";"),
    "tabs": File(text(BASE, sep="\t"), name="a.tsv"),
    "bars": File(text(BASE, sep="|"), name="a.txt"),
    "NUL byte": text(BASE).replace("\n3,", "\n3\0,", 1),
    "gzip": File(gzip.compress(text(BASE).encode()), name="a.csv.gz"),
    "gzip by another name": gzip.compress(text(BASE).encode()),
    "cut gzip": File(gzip.compress(text(BASE).encode())[:-30], name="a.csv.gz"),
    "JSON": '[{"a": 1, "b": 2}]',
    "pickle": File(pickle.dumps({"a": [1, 2]}, protocol=5), name="a.pkl"),
    "spreadsheet": b"PK\x03\x04 and more",
    "Parquet with NaN": parquet("CASE WHEN n % 5 = 0 THEN 'nan'::DOUBLE ELSE n / 7 END AS price"),
    "Parquet with an infinite number": parquet("CASE WHEN n = 50 THEN 'inf'::DOUBLE ELSE n / 7 END AS price"),
    "Parquet with booleans, nulls": parquet(
        "n % 3 = 0 AS buy, CASE WHEN n % 2 = 0 THEN n % 4 END AS kind, NULL::INTEGER AS empty"
    ),
    "Parquet with timestamps": parquet(
        "TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * n AS at, DATE '2024-01-01' AS day"
    ),
    "Parquet with lists": parquet("[n % 3, n % 5] AS tags, {'a': n} AS deep, 'x'::BLOB AS raw"),
    "Parquet with texts of numbers": parquet(
        "CASE WHEN n % 4 = 0 THEN 'nan' ELSE CAST(n AS VARCHAR) END AS age"
    ),
    "one bad row of 30,000": text(
        {
            "item_id": but(20_000, "x12", lambda n: n % 900),
            "price": but(20_000, "12 EUR", lambda n: n % 1000 / 10),
            "click": but(20_000, "maybe", lambda n: n % 2),
        },
        rows=30_000,
    ),
    **{
        f"blanks written {mark}": blank(mark)
        for mark in ("NaN", "NA", "null", "-", "\\N", "None", "N/A", "?")
    },
    "blanks among texts": more(
        age=every(4, "NA", lambda n: n % 80),
        size=every(5, "none", lambda n: "sml"[n % 3]),
        city=every(5, "NULL", lambda n: "abc"[n % 3]),
    ),
    "a word among numbers": more(age=every(4, "unknown", lambda n: n)),
    "infinite number": text({**BASE, "price": but(9, "inf", BASE["price"])}),
    "ids with leading zeros": more(shop=lambda n: f"{n % 50:04}", item_id=lambda n: f"{n % 50:04}"),
    "yes and no": label("no", "yes"),
    "a label with one 2": text({**BASE, "click": but(9, "2", BASE["click"])}),
    "a third label": more(buy=lambda n: n % 3 % 2, loved=lambda n: n % 5 % 2),
    "funnel": more(buy=lambda n: int(n % 10 == 1)),
    "a label where another is 1": more(buy=lambda n: n % 3 % 2 if n % 2 else ""),
    "unix seconds": time(lambda n: 1_700_000_000 + n),
    "unix milliseconds": time(lambda n: 1_700_000_000_123 + 1000 * n, "event_time_ms"),
    "unix seconds as fractions": time(lambda n: f"{1_700_000_000 + n}.5", "ts"),
    "dates": time(lambda n: f"2024-01-{n % 28 + 1:02}", "day"),
    "times with zones": time(lambda n: f"2024-01-{n % 28 + 1:02}T10:00:{n % 60:02}+02:00", "at"),
    "dates as numbers": time(lambda n: f"202401{n % 28 + 1:02}", "date"),
    "a time that is none": more(at=but(50, "soon", lambda n: f"2024-01-{n % 28 + 1:02}")),
    "German dates": more(day=lambda n: f"{n % 28 + 1:02}.01.2024"),
    "constant": more(shop=lambda n: "a"),
    "text of each row": more(note=lambda n: f"note {n}"),
    "number of the row": text({"": lambda n: n, **BASE}),
    "one column": text({"click": BASE["click"]}),
    "header alone": text(BASE, rows=0),
    "empty": "",
    "long line": text(BASE) + f"{'9' * 2_100_000},1,1\n",
    "emoji": text({"🧑 id": BASE["user_id"], "💰": BASE["price"], "click 👍": BASE["click"]}),
    "names of SQL": text(
        {
            "select": BASE["user_id"],
            "line": BASE["price"],
            '"a""; DROP"': BASE["price"],
            "value": BASE["click"],
            "is_order": lambda n: n % 3 % 2,
        }
    ),
    "names that differ in case": text(
        {"City": lambda n: "ab"[n % 2], **BASE, "city": lambda n: "abc"[n % 3]}
    ),
    "spaces around names": text(
        {"user_id": BASE["user_id"], " price": BASE["price"], " click": BASE["click"]}
    ),
    "integers that are ids by their names": more(
        household_id=lambda n: n % 40 + 1,
        item=lambda n: n * 37 % 60 * 9,
        itemCategory=lambda n: n % 25,
        video=lambda n: n * 11 % 70,
        brand2=lambda n: n % 24 * 3,
        coupon_upc=lambda n: 10_000_089 + n % 30 * 7919,
        postcode=lambda n: 10_115 + n % 50 * 13,
        order_number=lambda n: 7_000 + n // 2,
    ),
    "integers that are amounts by their names": more(
        age=lambda n: n % 60 + 15,
        watch_seconds=lambda n: n * n,
        views=lambda n: n % 70,
        item_count=lambda n: n % 50,
        num_users=lambda n: n % 45,
        item_price=lambda n: 1000 + n % 50 * 171,
        user_age=lambda n: n % 60 + 15,
    ),
    "integers without a telling name": more(
        x=lambda n: n % 60, y1=lambda n: 100_000 + n % 40 * 7919 % 899_999
    ),
    "integers of a data frame with blanks": more(
        item_id=every(4, "", lambda n: f"{n % 30}.0"), age=every(5, "", lambda n: f"{n % 70}.0")
    ),
    "unix seconds, the last of which is cut": more(
        event_time=but(ROWS - 1, "15", lambda n: 1_500_000_000 + n)
    ),
    "unix seconds from 1999 on": time(lambda n: 946_600_000 + 3_000 * n, "unixReviewTime"),
    "unix seconds with three of the year 1985": text(
        {**BASE, "unixReviewTime": lambda n: 1_500_000_000 + n if n % 150 else 480_000_000}, rows=400
    ),
    "actions": text(
        {
            "user_id": BASE["user_id"],
            "price": BASE["price"],
            "action": lambda n: ("view", "view", "cart", "view", "buy", "")[n % 6],
        }
    ),
    "actions without a header": text(LOG, head=False),
    "actions without a header, whose columns are named": File(
        text(LOG, head=False), columns=("user", "item", "action", "at")
    ),
    "texts without a header, whose columns are named": File(
        text({"user": lambda n: f"u{n % 30}", "action": lambda n: ("view", "buy")[n % 3 // 2]}, head=False),
        columns=("user", "action"),
    ),
    "lists, few of which hold no list": more(
        genres=every(11, "(no genres listed)", genres), tags=but(50, "a|(b)", genres)
    ),
    "lists in brackets": more(tags=lambda n: f"\"['a', 'b{n % 3}']\""),
    "numbers of rows, one of which occurs twice": text(
        {"row": but(50, 49, lambda n: n), "index": but(60, 61, lambda n: n), **BASE}
    ),
    "times in seconds and milliseconds": time(lambda n: (1_704_067_307 + n) * (1000 if n % 2 else 1)),
    "times in seconds, a few in milliseconds": time(
        lambda n: (1_704_067_307 + n) * (1 if n % 20 else 1000), "event_time"
    ),
    "dates in two forms": time(
        lambda n: f"{n % 28 + 1:02}/01/2024 07:21" if n % 2 else f"2024-01-{n % 28 + 1:02} 07:21:{n % 60:02}"
    ),
    "dates and seconds": time(lambda n: 1_704_067_307 + n if n % 2 else f"2024-01-{n % 28 + 1:02}"),
    "ids with a few fractions, and in scientific notation": more(
        buyer_id=every(30, 7.5, lambda n: f"{n % 30}.0"), film_id=lambda n: f"{50_000 + n % 20:.6e}"
    ),
    "a label of three numbers": named(lambda n: n % 3),
    "a label of 1 and 2": named(lambda n: 1 + n % 2),
    "a label of two fractions": named(lambda n: 0.8 if n % 2 else 0.1),
    "a label of two words": named(lambda n: "good" if n % 3 else "bad"),
    "a label that is always 1": named(lambda n: 1),
    "a label that is always 2": named(lambda n: 2),
    "a label of 0 and 1 that is named": named(lambda n: n % 2),
    "dates with the name of the month": time(lambda n: f'"May {n % 28 + 1}, 1996"'),
    "dates with a short name of the month": time(lambda n: f"{n % 28 + 1:02}-Sep-1996"),
    "ids of agents and companies, and blanks": more(
        agent=every(7, "NULL", lambda n: n % 47), company=every(2, "  NULL", lambda n: n % 33)
    ),
    "types beside a label": more(event_type=lambda n: ("view", "cart")[n % 3 % 2]),
    "a label whose name has an equals sign": text({**BASE, "is_x=1": lambda n: n % 3 % 2}),
    "baskets": more(
        BASKET_ID=lambda n: 26_984_851_472 + (n if n % 3 else 0), token=lambda n: f"t{n if n % 5 else 0}"
    ),
    "five texts, four of which are numbers": more(rooms=lambda n: ("1", "2", "3", "4", "5+")[n % 5]),
}


def told(file, path):
    """Return what is seen of a file, and what is guessed of each column and why; or how it is refused."""
    try:
        seen = peek(str(path), file.columns)
    except DataError as error:
        return [f"{error}; {error.fix}".replace(str(path), path.name)]
    found = guess(seen, file.labels, choose=True)
    blanks = TableGuess(seen, found).dataset().get("blanks", ())
    rows = f"{seen.seen} rows, {seen.faulty} faulty, encoding {seen.encoding!r}, blanks {blanks!r}"
    parts = [(repr(one.name), one.role, one.setting, one.reason, one.doubt, one.odd) for one in found]
    return [rows, *(" ".join(str(part) for part in of_column if part) for of_column in parts)]


def test_what_is_told_of_each_file_is_the_golden_one(tmp_path, golden):
    """It takes ten seconds: a tenth of a second for each of a hundred files."""
    texts = []
    for name, content in FILES.items():
        file = content if isinstance(content, File) else File(content)
        path = tmp_path / file.name
        file.write(path)
        texts += ["", f"== {name}", *told(file, path)]
    golden("corpus.txt", "\n".join([*texts, ""]))
