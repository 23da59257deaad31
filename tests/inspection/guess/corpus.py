"""Files of the kinds that occur in the wild, with what is guessed of them, or how they are refused.

Each case is made by a small function of a row's number, from 0 on.
"""

import gzip
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

ROWS = 120
Cell = Callable[[int], object]
Guessed = Mapping[str, Any]
"""Column -> role, or role and setting; None for a column that is not used."""

ID, BIT = ("sparse", "integer"), ("labels", {})
BASE = {"user_id": lambda n: n % 30, "price": lambda n: n * 7 % 90 / 10, "click": lambda n: n % 2}
AS_BASE = {"user_id": ID, "price": "dense", "click": BIT}


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


@dataclass(frozen=True)
class File:
    """A file, and what is guessed of it."""

    content: str | bytes | Callable[[Path], None]
    """Text, bytes, or a function that writes the file."""
    guessed: Guessed = field(default_factory=dict)
    error: str = ""
    """Part of the error's message, if the file is refused."""
    fix: str = ""
    """Part of its remedy."""
    blanks: tuple[str, ...] = ()
    odd: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Column -> line and value of the first value that does not fit."""
    faulty: int = 0
    """Number of faulty rows."""
    encoding: str = ""
    doubted: tuple[str, ...] = ()
    """Columns whose role is said to be uncertain."""
    rows: int = ROWS
    """Number of rows, without faulty ones."""
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
    """Return a function that writes a Parquet file of columns, in SQL for the row `n`."""

    def write(path):
        with duckdb.connect() as db:
            base = "(n % 30)::BIGINT AS user_id, (n % 2)::BIGINT AS click"
            db.sql(f"FROM range({ROWS}) t(n)").project(f"{base}, {columns}").write_parquet(str(path))

    return write


def plain(**settings):
    """Return a file with the base table in another form."""
    return File(guessed=AS_BASE, **settings)


def blank(mark):
    """Return a file with blanks among numbers and in a label."""
    return File(
        more(age=every(4, mark, lambda n: n % 80), buy=every(5, mark, lambda n: n % 3 % 2)),
        {**AS_BASE, "age": "dense", "buy": BIT},
        blanks=(mark,),
    )


def label(low, high, setting):
    """Return a file with a label of two words."""
    return File(more(buy=lambda n: high if n % 3 else low), {**AS_BASE, "buy": ("labels", setting)})


def time(cell, name="timestamp"):
    """Return a file with a time."""
    return File(more(**{name: cell}), {**AS_BASE, name: "time"})


def named(cell, setting, doubted=True):
    """Return a file with a label that is named."""
    return File(
        text({"user_id": BASE["user_id"], "price": BASE["price"], "liked": cell}),
        {"user_id": ID, "price": "dense", "liked": ("labels", setting)},
        labels=("liked",),
        doubted=("liked",) if doubted else (),
    )


def mixed(cell, name="at"):
    """Return a file with times in several forms."""
    return File(more(**{name: cell}), {**AS_BASE, name: None}, doubted=(name,))


def genres(n):
    return "|".join(genre for k, genre in enumerate(("Drama", "Horror", "Romance")) if (n % 7 + 1) >> k & 1)


LOG = {
    "user": lambda n: n % 30 * 5077,
    "item": lambda n: n % 40 * 3571,
    "action": lambda n: ("pv", "pv", "cart", "pv", "buy", "fav")[n % 6],
    "at": lambda n: 1_511_544_070 + n,
}


def actions(column):
    """Return what is guessed of a column of actions."""
    return {column: None, **{f"{column}={value}": BIT for value in ("buy", "cart", "fav")}}


CRLF = text(BASE, end="\r\n")
FILES = {
    "plain": plain(content=text(BASE)),
    "byte order mark": plain(content=text(BASE).encode("utf-8-sig")),
    "UTF-16": plain(content=text(BASE).encode("utf-16")),
    "UTF-32": File(text(BASE).encode("utf-32"), error="holds UTF-32", fix="iconv -f UTF-32 -t UTF-8"),
    "damaged UTF-16": File(
        text(BASE).encode("utf-16") + b"\x00\xdc\x00\xdc", error="damaged UTF-16", fix="new copy"
    ),
    "UTF-16 without a mark": File(
        text(BASE).encode("utf-16-le"), error="like UTF-16", fix="convert it to UTF-8"
    ),
    "Latin-1": File(
        more(city=lambda n: f"Köln {n % 3}").encode("latin-1"),
        {**AS_BASE, "city": ("sparse", "text")},
        encoding="cp1252",
    ),
    "Latin-1 in one row": File(
        more(city=but(50, "K\xf6ln", lambda n: f"Ulm {n % 3}")).encode("latin-1"),
        {**AS_BASE, "city": ("sparse", "text")},
        encoding="cp1252",
    ),
    "UTF-8 but for one row": File(
        more(city=lambda n: f"Köln {n % 3}").encode().replace("Köln".encode(), b"K\xf6ln", 1),
        {**AS_BASE, "city": ("sparse", "text")},
        faulty=1,
        rows=ROWS - 1,
    ),
    "image": File(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), error="holds an image", fix="a table as CSV"),
    "unknown binary data": File(
        b"\x7fELF\x02\x01\x01\xb7\n" * 9, error="binary data, not text", fix="a table as CSV"
    ),
    "quotes": File(more(city=lambda n: f'"a, ""{n % 9}"""'), {**AS_BASE, "city": ("sparse", "text")}),
    "line breaks in quotes": File(
        more(city=lambda n: f'"a\n{n % 9}"'), {**AS_BASE, "city": ("sparse", "text")}
    ),
    "CRLF": plain(content=CRLF),
    "CRLF and one LF": plain(content=CRLF.replace("\r\n", "\n", 50).replace("\n", "\r\n", 49)),
    "CR": File(text(BASE, end="\r"), error="carriage returns only", fix="line feeds"),
    "thousands separators": File(more(pay=lambda n: f'"{n * 999:,}"'), {**AS_BASE, "pay": None}),
    "decimal commas": File(
        text({**BASE, "pay": lambda n: f"{n},{n % 7}"}, sep=";"), {**AS_BASE, "pay": None}
    ),
    "points as thousands separators": File(
        more(
            pay=lambda n: f"{n * 99:,}".replace(",", "."), item_nr=lambda n: f"{n * 37:,}".replace(",", ".")
        ),
        {**AS_BASE, "pay": None, "item_nr": ("sparse", "text")},
    ),
    "three decimals": File(more(pay=lambda n: n / 8 + 0.125), {**AS_BASE, "pay": "dense"}),
    "dates with the day first": File(
        more(sold=lambda n: f"{n % 28 + 1:02}.01.2024 12:{n % 60:02}"), {**AS_BASE, "sold": None}
    ),
    "versions": File(more(app=lambda n: f"{n % 3}.1{n % 7}.{n % 5}"), {**AS_BASE, "app": ("sparse", "text")}),
    "a German yes without a telling name": File(
        more(gekauft=lambda n: "nein" if n % 3 else "ja"), {**AS_BASE, "gekauft": None}
    ),
    "currencies": File(more(pay=lambda n: f"{n * 1.5} €"), {**AS_BASE, "pay": None}),
    "a name twice": File(
        more(age=lambda n: n % 40 + 0.5).replace("age", "price"), {**AS_BASE, "price.1": "dense"}
    ),
    "spaces as blanks": blank(" "),
    "names with two meanings": File(
        more(guest=lambda n: "ny"[n % 2], late_2y=lambda n: n % 4), {**AS_BASE, "guest": None, "late_2y": ID}
    ),
    "no header": File(
        text({**BASE, "user_id": lambda n: 1000 + n % 30}, head=False), {"c1": ID, "c2": "dense", "c3": None}
    ),
    "ragged rows": plain(content=text(BASE).replace("\n7,", "\n7,7,7,"), faulty=4, rows=ROWS - 4),
    "rows wider than the header": File(
        text(BASE).replace("click\n", "click", 1).replace("\n", ",9\n").replace("click", "click\n"),
        error=":2: expected 3 columns, found 4",
        fix="declare the actual columns",
    ),
    "separators at line ends": File(text(BASE, end=",\n"), {**AS_BASE, "": None}),
    "blank lines": plain(content=text(BASE, end="\n\n") + "\n\n"),
    "comment": File("# exported today\n" + text(BASE), error=":1: a comment", fix="grep -v '^#'"),
    "semicolons": plain(content=text(BASE, sep=";")),
    "tabs": plain(content=text(BASE, sep="\t"), name="a.tsv"),
    "bars": plain(content=text(BASE, sep="|"), name="a.txt"),
    "NUL byte": plain(content=text(BASE).replace("\n3,", "\n3\0,", 1), faulty=1, rows=ROWS - 1),
    "gzip": plain(content=gzip.compress(text(BASE).encode()), name="a.csv.gz"),
    "gzip by another name": File(gzip.compress(text(BASE).encode()), error="gzip data", fix=".gz"),
    "cut gzip": File(
        gzip.compress(text(BASE).encode())[:-30], error="cut off", fix="complete", name="a.csv.gz"
    ),
    "JSON": File('[{"a": 1, "b": 2}]', error="holds JSON", fix="CSV or Parquet"),
    "pickle": File(
        pickle.dumps({"a": [1, 2]}, protocol=5), error="holds a pickle", fix="CSV or Parquet", name="a.pkl"
    ),
    "spreadsheet": File(b"PK\x03\x04 and more", error="a spreadsheet", fix="save it as CSV"),
    "Parquet with NaN": File(
        parquet("CASE WHEN n % 5 = 0 THEN 'nan'::DOUBLE ELSE n / 7 END AS price"),
        {"user_id": ID, "price": "dense", "click": BIT},
        name="a.parquet",
    ),
    "Parquet with an infinite number": File(
        parquet("CASE WHEN n = 50 THEN 'inf'::DOUBLE ELSE n / 7 END AS price"),
        {"user_id": ID, "price": "dense", "click": BIT},
        odd={"price": (51, "inf")},
        name="a.parquet",
    ),
    "Parquet with booleans, nulls": File(
        parquet("n % 3 = 0 AS buy, CASE WHEN n % 2 = 0 THEN n % 4 END AS kind, NULL::INTEGER AS empty"),
        {"user_id": ID, "click": BIT, "buy": BIT, "kind": ID, "empty": None},
        name="a.parquet",
    ),
    "Parquet with timestamps": File(
        parquet("TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * n AS at, DATE '2024-01-01' AS day"),
        {"user_id": ID, "click": BIT, "at": "time", "day": None},
        name="a.parquet",
    ),
    "Parquet with lists": File(
        parquet("[n % 3, n % 5] AS tags, {'a': n} AS deep, 'x'::BLOB AS raw"),
        {"user_id": ID, "click": BIT, "tags": ("multi", "|"), "deep": None, "raw": None},
        name="a.parquet",
    ),
    "Parquet with texts of numbers": File(
        parquet("CASE WHEN n % 4 = 0 THEN 'nan' ELSE CAST(n AS VARCHAR) END AS age"),
        {"user_id": ID, "click": BIT, "age": "dense"},
        blanks=("nan",),
        name="a.parquet",
    ),
    "one bad row of 30,000": File(
        text(
            {
                "item_id": but(20_000, "x12", lambda n: n % 900),
                "price": but(20_000, "12 EUR", lambda n: n % 1000 / 10),
                "click": but(20_000, "maybe", lambda n: n % 2),
            },
            rows=30_000,
        ),
        {"item_id": ("sparse", "text"), "price": "dense", "click": BIT},
        odd={"price": (20_002, "12 EUR"), "click": (20_002, "maybe")},
        rows=30_000,
    ),
    **{
        f"blanks written {mark}": blank(mark)
        for mark in ("NaN", "NA", "null", "-", "\\N", "None", "N/A", "?")
    },
    "blanks among texts": File(
        more(
            age=every(4, "NA", lambda n: n % 80),
            size=every(5, "none", lambda n: "sml"[n % 3]),
            city=every(5, "NULL", lambda n: "abc"[n % 3]),
        ),
        {**AS_BASE, "age": "dense", "size": ("sparse", "text"), "city": ("sparse", "text")},
        blanks=("NA", "NULL"),
    ),
    "a word among numbers": File(more(age=every(4, "unknown", lambda n: n)), {**AS_BASE, "age": None}),
    "infinite number": File(
        text({**BASE, "price": but(9, "inf", BASE["price"])}), AS_BASE, odd={"price": (11, "inf")}
    ),
    "ids with leading zeros": File(
        more(shop=lambda n: f"{n % 50:04}", item_id=lambda n: f"{n % 50:04}"),
        {**AS_BASE, "shop": ("sparse", "text"), "item_id": ("sparse", "text")},
    ),
    "yes and no": label("no", "yes", {"positive": ["yes"]}),
    "a label with one 2": File(
        text({**BASE, "click": but(9, "2", BASE["click"])}), AS_BASE, odd={"click": (11, "2")}
    ),
    "a third label": File(
        more(buy=lambda n: n % 3 % 2, loved=lambda n: n % 5 % 2), {**AS_BASE, "buy": BIT, "loved": None}
    ),
    "funnel": File(more(buy=lambda n: int(n % 10 == 1)), {**AS_BASE, "buy": ("labels", {"after": "click"})}),
    "a label where another is 1": File(
        more(buy=lambda n: n % 3 % 2 if n % 2 else ""), {**AS_BASE, "buy": ("labels", {"given": "click"})}
    ),
    "unix seconds": time(lambda n: 1_700_000_000 + n),
    "unix milliseconds": time(lambda n: 1_700_000_000_123 + 1000 * n, "event_time_ms"),
    "unix seconds as fractions": time(lambda n: f"{1_700_000_000 + n}.5", "ts"),
    "dates": time(lambda n: f"2024-01-{n % 28 + 1:02}", "day"),
    "times with zones": time(lambda n: f"2024-01-{n % 28 + 1:02}T10:00:{n % 60:02}+02:00", "at"),
    "dates as numbers": time(lambda n: f"202401{n % 28 + 1:02}", "date"),
    "a time that is none": File(
        more(at=but(50, "soon", lambda n: f"2024-01-{n % 28 + 1:02}")),
        {**AS_BASE, "at": "time"},
        odd={"at": (52, "soon")},
    ),
    "German dates": File(more(day=lambda n: f"{n % 28 + 1:02}.01.2024"), {**AS_BASE, "day": None}),
    "constant": File(more(shop=lambda n: "a"), {**AS_BASE, "shop": None}),
    "text of each row": File(more(note=lambda n: f"note {n}"), {**AS_BASE, "note": None}),
    "number of the row": File(text({"": lambda n: n, **BASE}), {**AS_BASE, "": None}),
    "one column": File(text({"click": BASE["click"]}), error="no comma, tab", fix="one of these"),
    "header alone": File(text(BASE, rows=0), error="holds no rows", fix="complete copy"),
    "empty": File("", error="the file is empty", fix="complete copy"),
    "long line": plain(content=text(BASE) + f"{'9' * 2_100_000},1,1\n", faulty=1),
    "emoji": File(
        text({"🧑 id": BASE["user_id"], "💰": BASE["price"], "click 👍": BASE["click"]}),
        {"🧑 id": ID, "💰": "dense", "click 👍": BIT},
    ),
    "names of SQL": File(
        text(
            {
                "select": BASE["user_id"],
                "line": BASE["price"],
                '"a""; DROP"': BASE["price"],
                "value": BASE["click"],
                "is_order": lambda n: n % 3 % 2,
            }
        ),
        {"select": "dense", "line": "dense", 'a"; DROP': "dense", "value": None, "is_order": BIT},
    ),
    "names that differ in case": File(
        text({"City": lambda n: "ab"[n % 2], **BASE, "city": lambda n: "abc"[n % 3]}),
        {**AS_BASE, "City": ("sparse", "text"), "city": None},
    ),
    "spaces around names": File(
        text({"user_id": BASE["user_id"], " price": BASE["price"], " click": BASE["click"]}),
        {"user_id": ID, " price": "dense", " click": BIT},
    ),
    "integers that are ids by their names": File(
        more(
            household_id=lambda n: n % 40 + 1,
            item=lambda n: n * 37 % 60 * 9,
            itemCategory=lambda n: n % 25,
            video=lambda n: n * 11 % 70,
            brand2=lambda n: n % 24 * 3,
            coupon_upc=lambda n: 10_000_089 + n % 30 * 7919,
            postcode=lambda n: 10_115 + n % 50 * 13,
            order_number=lambda n: 7_000 + n // 2,
        ),
        {
            **AS_BASE,
            **dict.fromkeys(("household_id", "item", "itemCategory", "video", "brand2"), ID),
            **{"coupon_upc": ID, "postcode": ID, "order_number": None},
        },
    ),
    "integers that are amounts by their names": File(
        more(
            age=lambda n: n % 60 + 15,
            watch_seconds=lambda n: n * n,
            views=lambda n: n % 70,
            item_count=lambda n: n % 50,
            num_users=lambda n: n % 45,
            item_price=lambda n: 1000 + n % 50 * 171,
            user_age=lambda n: n % 60 + 15,
        ),
        {
            **AS_BASE,
            **dict.fromkeys(("age", "watch_seconds", "views", "item_count", "num_users"), "dense"),
            **{"item_price": "dense", "user_age": "dense"},
        },
    ),
    "integers without a telling name": File(
        more(x=lambda n: n % 60, y1=lambda n: 100_000 + n % 40 * 7919 % 899_999),
        {**AS_BASE, "x": "dense", "y1": ID},
        doubted=("x", "y1"),
    ),
    "integers of a data frame with blanks": File(
        more(item_id=every(4, "", lambda n: f"{n % 30}.0"), age=every(5, "", lambda n: f"{n % 70}.0")),
        {**AS_BASE, "item_id": ID, "age": "dense"},
    ),
    "unix seconds, the last of which is cut": File(
        more(event_time=but(ROWS - 1, "15", lambda n: 1_500_000_000 + n)),
        {**AS_BASE, "event_time": "time"},
        odd={"event_time": (ROWS + 1, "15")},
    ),
    "unix seconds from 1999 on": time(lambda n: 946_600_000 + 3_000 * n, "unixReviewTime"),
    "unix seconds with three of the year 1985": File(
        text({**BASE, "unixReviewTime": lambda n: 1_500_000_000 + n if n % 150 else 480_000_000}, rows=400),
        {**AS_BASE, "unixReviewTime": "time"},
        odd={"unixReviewTime": (2, "480000000")},
        rows=400,
    ),
    "actions": File(
        text(
            {
                "user_id": BASE["user_id"],
                "price": BASE["price"],
                "action": lambda n: ("view", "view", "cart", "view", "buy", "")[n % 6],
            }
        ),
        {"user_id": ID, "price": "dense", "action": None, "action=buy": BIT, "action=cart": BIT},
    ),
    "actions without a header": File(
        text(LOG, head=False), {"c1": ID, "c2": ID, "c4": "time", **actions("c3")}
    ),
    "actions without a header, whose columns are named": File(
        text(LOG, head=False),
        {"user": ID, "item": ID, "at": "time", **actions("action")},
        columns=("user", "item", "action", "at"),
    ),
    "texts without a header, whose columns are named": File(
        text({"user": lambda n: f"u{n % 30}", "action": lambda n: ("view", "buy")[n % 3 // 2]}, head=False),
        {"user": ("sparse", "text"), "action": None, "action=buy": BIT},
        columns=("user", "action"),
    ),
    "lists, few of which hold no list": File(
        more(genres=every(11, "(no genres listed)", genres), tags=but(50, "a|(b)", genres)),
        {**AS_BASE, "genres": ("multi", "|"), "tags": ("multi", "|")},
    ),
    "lists in brackets": File(
        more(tags=lambda n: f"\"['a', 'b{n % 3}']\""), {**AS_BASE, "tags": ("sparse", "text")}
    ),
    "numbers of rows, one of which occurs twice": File(
        text({"row": but(50, 49, lambda n: n), "index": but(60, 61, lambda n: n), **BASE}),
        {**AS_BASE, "row": None, "index": None},
    ),
    "times in seconds and milliseconds": mixed(lambda n: (1_704_067_307 + n) * (1000 if n % 2 else 1)),
    "times in seconds, a few in milliseconds": mixed(
        lambda n: (1_704_067_307 + n) * (1 if n % 20 else 1000), "event_time"
    ),
    "dates in two forms": mixed(
        lambda n: f"{n % 28 + 1:02}/01/2024 07:21" if n % 2 else f"2024-01-{n % 28 + 1:02} 07:21:{n % 60:02}"
    ),
    "dates and seconds": mixed(lambda n: 1_704_067_307 + n if n % 2 else f"2024-01-{n % 28 + 1:02}"),
    "ids with a few fractions, and in scientific notation": File(
        more(buyer_id=every(30, 7.5, lambda n: f"{n % 30}.0"), film_id=lambda n: f"{50_000 + n % 20:.6e}"),
        {**AS_BASE, "buyer_id": ("sparse", "text"), "film_id": ("sparse", "text")},
        doubted=("buyer_id", "film_id"),
    ),
    "a label of three numbers": named(lambda n: n % 3, {"kind": "regression"}),
    "a label of 1 and 2": named(lambda n: 1 + n % 2, {"positive": ["2"]}),
    "a label of two fractions": named(lambda n: 0.8 if n % 2 else 0.1, {"kind": "regression"}),
    "a label of two words": named(lambda n: "good" if n % 3 else "bad", {"positive": ["bad"]}),
    "a label that is always 1": named(lambda n: 1, {}),
    "a label that is always 2": named(lambda n: 2, {"positive": ["2"]}),
    "a label of 0 and 1 that is named": named(lambda n: n % 2, {}, doubted=False),
    "dates with the name of the month": time(lambda n: f'"May {n % 28 + 1}, 1996"'),
    "dates with a short name of the month": time(lambda n: f"{n % 28 + 1:02}-Sep-1996"),
    "ids of agents and companies, and blanks": File(
        more(agent=every(7, "NULL", lambda n: n % 47), company=every(2, "  NULL", lambda n: n % 33)),
        {**AS_BASE, "agent": ID, "company": ID},
        blanks=("  NULL", "NULL"),
    ),
    "types beside a label": File(
        more(event_type=lambda n: ("view", "cart")[n % 3 % 2]), {**AS_BASE, "event_type": ("sparse", "text")}
    ),
    "a label whose name has an equals sign": File(
        text({**BASE, "is_x=1": lambda n: n % 3 % 2}), {**AS_BASE, "is_x=1": ("labels", {"column": "is_x=1"})}
    ),
    "baskets": File(
        more(
            BASKET_ID=lambda n: 26_984_851_472 + (n if n % 3 else 0), token=lambda n: f"t{n if n % 5 else 0}"
        ),
        {**AS_BASE, "BASKET_ID": None, "token": None},
    ),
    "five texts, four of which are numbers": File(
        more(rooms=lambda n: ("1", "2", "3", "4", "5+")[n % 5]), {**AS_BASE, "rooms": ("sparse", "text")}
    ),
}
