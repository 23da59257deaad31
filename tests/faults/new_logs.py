"""Generated tables with a log of events, written in many forms, and the check of rows that are served.

    case = generate(seed, folder)               # writes the files of a table, of new rows, and of their log
    problem = check(case, prepared, served)     # None, or the first difference

New rows are the test rows of the table. Whatever the form of their log, they must have the events of the
prepared test rows, or be refused with a message. So must the prepared ones have the events of the generator.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from automtl_core.data.part import Histories, Part
from automtl_core.errors import AutoMTLError

START = int(datetime(2024, 3, 25, tzinfo=UTC).timestamp())
SPRING = int(datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp())
"""Begin of summer time in Europe, within the days of the table."""
DAYS, ROWS, EVENTS, USERS, ITEMS, SHOPS = 12, 240, 500, 10, 7, 3
LENGTH = 5
"""Largest number of events of a row."""
KEY = "number_of_the_row"
"""Numeric field by which prepared and served rows are paired."""


def _date(hours: Callable[[int], int], separator: str = " ") -> Callable[[int], str]:
    """Return a function that writes a time with its offset to UTC, which may differ from time to time."""

    def written(second: int) -> str:
        zone = timezone(timedelta(hours=hours(second)))
        return datetime.fromtimestamp(second, zone).isoformat(separator)

    return written


TIMES: Mapping[str, Callable[[int], object]] = {
    "seconds": lambda second: second,
    "milliseconds": lambda second: second * 1000,
    "seconds as floats": lambda second: f"{second}.0",
    "dates": lambda second: datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S"),
    "dates with Z": lambda second: datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "dates at +09:00": _date(lambda second: 9),
    "dates at -05:00": _date(lambda second: -5, "T"),
    "dates of summer and winter": _date(lambda second: 2 if second >= SPRING else 1),
}
IDS: Mapping[str, Callable[[int], str]] = {"5": str, "5.0": lambda n: f"{n}.0", "05": lambda n: f"{n:02}"}
NAMES = ("shop", "age", "known", "outcomes", "row", "event", "part")
"""Names of a categorical field, some of which automtl uses itself."""
ENDINGS = {".csv": ",", ".tsv": "\t", ".txt": ";", ".parquet": ""}


@dataclass(frozen=True)
class Case:
    """A table with a log, in files."""

    folder: Path
    settings: Mapping[str, Any]
    """Settings of the dataset `table`."""
    rows: Path
    """The test rows, as new rows."""
    log: Path
    """The log of the new rows."""
    ages: Mapping[int, Sequence[Sequence[int]]]
    """Key of a test row -> ages in seconds of its events, the latest first: without, and with duplicates."""
    same: bool
    """Whether the log of new rows is written as that of training, so that it cannot be refused."""
    about: str
    """What is unusual about the forms."""


Event = tuple[tuple[int, ...], tuple[bool, ...], tuple[int, ...], int]
"""Ids of an event, whether they equal those of the row, outcomes, and the age in seconds."""
Prepare = Callable[[Case], tuple[Part, Sequence[int]]]
"""Function that returns the prepared test rows, and the number of ids of each shared field."""
Serve = Callable[[Case], tuple[Part, Sequence[str]]]
"""Function that returns the encoded new rows, and the warnings about them."""


def generate(seed: int, folder: Path) -> Case:
    """Write a table, its log, and the log of its new rows in perhaps another form."""
    draw = random.Random(seed)
    shop = draw.choice(NAMES)
    times = draw.choice(list(TIMES))
    log_times = times if draw.random() < 0.6 else draw.choice(list(TIMES))
    ids = draw.choice(list(IDS))
    step = draw.choice((1, 1, 3600))  # with an hour, many events have equal times
    whole = sorted(draw.randrange(0, DAYS * 86_400, step) for _ in range(ROWS))
    rows = [_row(draw, key, START + second, shop) for key, second in enumerate(whole)]
    train, validation, test = (
        rows[: ROWS * 6 // 10],
        rows[ROWS * 6 // 10 : ROWS * 3 // 4],
        rows[ROWS * 3 // 4 :],
    )
    of_rows, drop, blanks = (draw.random() < share for share in (0.3, 0.3, 0.4))
    seconds = [START + draw.randrange(0, DAYS * 86_400, step) for _ in range(EVENTS)]
    log = [_row(draw, 0, second, shop, items=ITEMS + 3) for second in seconds]  # some items in the log alone
    blank = draw.choice(("NA", "-", ""))
    for event in draw.sample(log, 60) if blanks else ():
        event[draw.choice(("user", "item", shop, "buy"))] = None
    if of_rows:
        log_times, log = times, rows
    twice = draw.sample(train if of_rows else log, 60) if drop else []
    ending = draw.choice(list(ENDINGS))
    parts = {"train": train + (twice if of_rows else []), "validation": validation, "test": test}
    for name, some in parts.items():
        _write(folder / f"{name}{ending}", some, times, ids, blank)
    _write(folder / f"log{ending}", log + twice, log_times, ids, blank)
    same = draw.random() < 0.5
    new = ending if same or draw.random() < 0.5 else ".csv"
    served_times = log_times if same else draw.choice(list(TIMES))
    served_ids = ids if same else draw.choice(list(IDS))
    _write(folder / f"new{new}", test, times, ids, blank)
    _write(
        folder / f"new_log{new}", draw.sample(log + twice, len(log + twice)), served_times, served_ids, blank
    )
    kind = "integer" if ids == "5" and draw.random() < 0.5 else "text"
    settings = {
        "files": {part: f"{part}{ending}" for part in ("train", "validation", "test")},
        "separator": ENDINGS[ending] or None,
        "blanks": [text for text in (blank,) if text],
        "sparse": {"user": kind, "item": "text", shop: "text"},
        "dense": {KEY: {"scaling": "none"}},
        "labels": {"click": {}, "buy": {"given": "click"} if draw.random() < 0.3 else {}},
        "user": "user",
        "time": "at",
        "split": "time",
        "duplicates": "drop" if drop else "keep",
        "hashed": draw.choice(({}, {}, {"item": 4}, {"user": 5}, {shop: 2})),
        "history_length": LENGTH,
        "history_delay": 0,
        "history": {"fields": ["item", shop], "outcomes": ["click", "buy"]},
    }  # fmt: skip
    if not of_rows:
        settings["history"]["files"] = f"log{ending}"
    about = (
        f"rows in {times}, log in {log_times}, then {served_times}; ids {ids} ({kind}), then {served_ids}; "
        f"field {shop}; {ending}, then {new}; {'rows' if of_rows else 'log'}; duplicates {drop}; "
        f"hashed {settings['hashed']}; blank {blank!r}"
    )
    ages = {row[KEY]: [_ages(row, log)] + [_ages(row, log + twice)] * (not of_rows) for row in test}
    return Case(folder, settings, folder / f"new{new}", folder / f"new_log{new}", ages, same, about)


def check(case: Case, prepare: Prepare, serve: Serve) -> str | None:
    """Return how served rows differ from prepared ones, or these from the generator.

    Refusals are allowed, and so are served rows with other events if a warning says so.

    Args:
        case: The files.
        prepare: Function that returns the prepared test rows, see `Prepare`.
        serve: Function that returns the new rows, see `Serve`. Both raise `AutoMTLError` to refuse files.

    """
    try:
        prepared, sizes = prepare(case)
    except AutoMTLError:
        return None
    if problem := _other_ages(case, prepared, sizes):
        return f"prepared: {problem}; {case.about}"
    try:
        served, warnings = serve(case)
    except AutoMTLError as error:
        return f"refused: {error}; {case.about}" if case.same else None
    problem = first_difference(prepared, served, sizes)
    return f"served: {problem}; {case.about}" if problem and not warnings else None


def first_difference(wanted: Part, found: Part, sizes: Sequence[int]) -> str | None:
    """Return the first row, and its first event, that differs between two parts of the same rows.

    Args:
        wanted: Rows, with their key as the first number.
        found: The same rows in any order.
        sizes: Number of ids of each shared field.

    """
    places = [{int(key): row for row, key in enumerate(part.dense[:, 0])} for part in (wanted, found)]
    if places[0].keys() != places[1].keys():
        return f"{len(places[0])} rows became {len(places[1])}"
    for key in sorted(places[0]):
        one, two = (
            list(events(part.histories[0], place[key], sizes))
            for part, place in zip((wanted, found), places, strict=True)
        )
        if len(one) != len(two):
            return f"row {key} has {len(two)} events, expected {len(one)}"
        for n, (event, other) in enumerate(zip(one, two, strict=True)):
            if event != other:
                return f"row {key}, event {n}: {other}, expected {event}"
    return None


def events(of_rows: Histories, row: int, sizes: Sequence[int]) -> Iterator[Event]:
    """Yield the events of a row, the latest first; an id outside of the vocabulary is -1."""
    padded = of_rows.padded(np.array([row]))
    for event in range(int(padded.known[0].sum())):
        ids, values = padded.ids[0, event], padded.values[0]
        known = tuple(int(one) if one < size else -1 for one, size in zip(ids, sizes, strict=True))
        same = tuple(bool(one) for one in (ids == values) & (ids > 0))
        yield known, same, tuple(map(int, padded.numbers[0, event])), round(float(padded.ages[0, event]))


def _other_ages(case: Case, prepared: Part, sizes: Sequence[int]) -> str | None:
    """Return which prepared row has other events than the generator made; times may be in milliseconds."""
    places = {int(key): row for row, key in enumerate(prepared.dense[:, 0])}
    for key, row in places.items():
        found = [event[-1] for event in events(prepared.histories[0], row, sizes)]
        wanted = case.ages[key]
        right = [
            np.allclose(found, unit * np.array(ages), rtol=1e-6)
            for ages in wanted
            for unit in (1, 1000)
            if len(ages) == len(found)
        ]
        if not any(right):
            return f"row {key} has events of the ages {found}, expected {wanted[0]}"
    return None


def _row(draw: random.Random, key: int, second: int, shop: str, items: int = ITEMS) -> dict[str, Any]:
    click = int(draw.random() < 0.5)
    return {
        KEY: key,
        "user": draw.randrange(USERS),
        "item": f"i{draw.randrange(items)}",
        shop: f"s{draw.randrange(SHOPS)}",
        "at": second,
        "click": click,
        "buy": int(draw.random() < 0.4),
    }


def _ages(row: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the ages of the latest events before a row, the latest first."""
    ages = sorted(row["at"] - e["at"] for e in log if e["user"] == row["user"] and e["at"] < row["at"])
    return ages[:LENGTH]


def _write(path: Path, rows: Sequence[Mapping[str, Any]], times: str, ids: str, blank: str) -> None:
    """Write rows as a file, all values as texts but the numbers of Parquet."""
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in rows[0]})
    frame["at"] = [TIMES[times](row["at"]) for row in rows]
    frame["user"] = [None if row["user"] is None else IDS[ids](row["user"]) for row in rows]
    if path.suffix == ".parquet":
        with duckdb.connect() as db:
            kinds = {"click": "BIGINT", "buy": "BIGINT", KEY: "BIGINT"}
            if isinstance(frame["at"].iloc[0], int):
                kinds["at"] = "BIGINT"
            chosen = ", ".join(
                f'CAST("{name}" AS {kinds.get(name, "VARCHAR")}) AS "{name}"' for name in frame.columns
            )
            db.register("frame", frame.astype("string"))
            db.execute(f"COPY (SELECT {chosen} FROM frame) TO '{path}'")  # noqa: S608 - names of this module
        return
    frame.to_csv(path, sep=ENDINGS[path.suffix], index=False, na_rep=blank)
