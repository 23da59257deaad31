"""One's own tables: parts by files, by user and by time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.errors import DataError

from .tables import HEADED, rows, table


def users(prepared: Prepared, part: str) -> list[str]:
    """Return the users of a part; unseen ones are `?`."""
    names = ["?", *prepared.vocabulary("user")]
    return sorted(names[id_] for id_ in prepared.part(part).ids[:, 0])


def test_files_by_part_and_a_validation_part_that_is_drawn(prepared: Callable[..., Prepared]) -> None:
    files = {"train.csv": rows(100), "test.csv": HEADED + "new,1\nu1,0\n"}
    found = prepared(files, files={"train": "train.csv", "test": "test.csv"})
    assert found.manifest["rows"] == {"train": 90, "validation": 10, "test": 2}
    assert users(found, "test") == ["?", "u1"]
    valid = {**files, "valid.csv": HEADED + "u2,1\n"}
    found = prepared(valid, files={"train": ["train.csv"], "validation": "valid.csv", "test": "test.csv"})
    assert found.manifest["rows"] == {"train": 100, "validation": 1, "test": 2}
    assert users(found, "validation") == ["u2"]


def test_a_split_by_user(prepared: Callable[..., Prepared]) -> None:
    text = HEADED + "".join(f"u{n % 40},{int(n % 3 == 0)}\n" for n in range(400))
    found = prepared({"clicks.csv": text}, split="user", user="user")
    assert found.manifest["rows"] == {"train": 320, "validation": 40, "test": 40}
    assert set(users(found, "test") + users(found, "validation")) == {"?"}


WAYS: dict[str, Callable[[int], object]] = {
    "numbers": lambda n: n,
    "fractions": lambda n: n + 0.5,
    "nanoseconds": lambda n: 1_700_000_000_000_000_000 + n,
    "dates": lambda n: pd.Timestamp("2023-12-01") + pd.Timedelta(n, "D"),
    "offsets": lambda n: (
        (pd.Timestamp("2024-01-01") + pd.Timedelta(n + 60 * (n % 12), "min")).isoformat() + f"+{n % 12:02}:00"
    ),
    "instants": lambda n: (pd.Timestamp("2023-12-31 23:00") + pd.Timedelta(n, "min")).isoformat() + "Z",
}


def by_time(order: Any, times: Any) -> pd.DataFrame:
    return pd.DataFrame({"user": "u", "click": order % 2, "place": order, "when": times})


def places(prepared: Prepared, part: str) -> list[int]:
    return sorted(map(int, prepared.part(part).dense[:, 0]))


def assert_in_order(prepared: Prepared) -> None:
    assert places(prepared, "train") == list(range(160))
    assert places(prepared, "validation") == list(range(160, 180))
    assert places(prepared, "test") == list(range(180, 200))


TIMED = {"split": "time", "time": "when", "dense": {"place": {"scaling": "none"}}}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_split_by_time(prepared: Callable[..., Prepared], way: Callable[[int], object]) -> None:
    order = np.random.default_rng(0).permutation(200)
    text = by_time(order, [way(int(n)) for n in order]).to_csv(index=False)
    assert_in_order(prepared({"clicks.csv": text}, **TIMED))


@pytest.mark.parametrize("kind", ["BIGINT", "TIMESTAMP", "DATE"])
def test_a_split_by_time_in_parquet(tmp_path: Path, kind: str) -> None:
    order = np.random.default_rng(0).permutation(200)
    frame = by_time(order, [WAYS["numbers" if kind == "BIGINT" else "dates"](int(n)) for n in order])
    with duckdb.connect() as db:
        db.from_df(frame).project(f'"user", click, place, CAST("when" AS {kind}) AS "when"').to_view("clicks")
        db.execute(f"COPY clicks TO '{tmp_path}/clicks.parquet'")
    found = table(files="clicks.parquet", **TIMED)
    assert_in_order(prepare(found, "table", tmp_path, tmp_path / "out"))


def test_the_time_may_be_a_field_too(prepared: Callable[..., Prepared]) -> None:
    order = np.random.default_rng(0).permutation(200)
    text = by_time(order, order).to_csv(index=False)
    assert_in_order(prepared({"clicks.csv": text}, **{**TIMED, "time": "place"}))


def test_times_of_several_kinds(prepared: Callable[..., Prepared]) -> None:
    text = "user,click,when\n" + "".join(f"u,{n % 2},{n if n else '2023-12-01'}\n" for n in range(100))
    with pytest.raises(DataError, match="time when holds '2023-12-01', and most rows have another format"):
        prepared({"clicks.csv": text}, split="time", time="when")


@pytest.mark.parametrize("odd", ["soon", "inf", "2024-02-30", "2024-01-31 25:00:00"])
def test_a_text_that_is_no_time_is_a_faulty_row(prepared: Callable[..., Prepared], odd: str) -> None:
    text = "user,click,when\n" + "".join(f"u,{n % 2},{n if n != 7 else odd}\n" for n in range(100))
    with pytest.raises(DataError, match=f'clicks.csv:9: when: expected a number, or a date .* found "{odd}"'):
        prepared({"clicks.csv": text}, split="time", time="when")
    made = prepared({"clicks.csv": text}, split="time", time="when", bad_rows="skip")
    assert sum(made.manifest["rows"].values()) == 99


@pytest.mark.parametrize("column", ["when", "place"])
@pytest.mark.parametrize("kind", ["csv", "VARCHAR", "DOUBLE"])
def test_a_blank_time_is_a_faulty_row(tmp_path: Path, kind: str, column: str) -> None:
    """Also where the time is a field of numbers."""
    frame = by_time(np.arange(200), np.arange(200)).astype(str)
    frame.loc[7, column] = ""
    if kind == "csv":
        frame.to_csv(tmp_path / "clicks.csv", index=False)
    else:
        with duckdb.connect() as db:
            typed = ", ".join(f'CAST(nullif("{c}", \'\') AS {kind}) AS "{c}"' for c in ("when", "place"))
            db.from_df(frame).project(f'"user", click, {typed}').to_view("clicks")
            db.execute(f"COPY clicks TO '{tmp_path}/clicks.parquet'")
    settings = {**TIMED, "time": column, "files": "clicks.csv" if kind == "csv" else "clicks.parquet"}
    row = r"clicks.csv:9" if kind == "csv" else r"clicks.parquet: row 8"
    with pytest.raises(DataError, match=rf"{row}: {column}: expected a number.*, found a blank"):
        prepare(table(**settings), "table", tmp_path, tmp_path / "out")
    made = prepare(table(**settings, bad_rows="skip"), "table", tmp_path, tmp_path / "out")
    assert sum(made.manifest["rows"].values()) == 199
