"""Prepared rows and new rows have the same digests, whatever their columns are."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import PARTS
from automtl_core.prepare.prepare import prepare
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings

ROWS = 300


def table():
    random = np.random.default_rng(0)
    day = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(ROWS) // 7, unit="h")
    columns = {
        "user": random.integers(0, 40, ROWS).astype(str),
        "item": [f"i{n}" if n % 9 else "" for n in random.integers(0, 60, ROWS)],
        "tags": ["|".join("cab"[: n % 4]) for n in range(ROWS)],
        "price": np.where(np.arange(ROWS) % 11, random.normal(size=ROWS).round(3), np.nan),
        "day": day.strftime("%Y-%m-%d %H:%M:%S"),
        "request": np.arange(ROWS) // 3,
        "weight": np.arange(ROWS) % 3,
        "click": np.where(random.random(ROWS) < 0.4, "yes", "no"),
        "stars": random.integers(1, 6, ROWS),
    }
    return pd.DataFrame(columns)


PLAIN = {
    "sparse": {"user": "integer", "item": "text"},
    "labels": {"click": {"positive": ["yes"]}, "stars": {"kind": "regression"}},
}


@pytest.mark.parametrize(
    "settings",
    [
        {"dense": {"price": {}}},
        {"dense": {"price": {"missing": 0}}, "multi": {"tags": "|"}, "user": "user", "split": "user"},
        {"dense": {"price": {"scaling": "log"}}, "time": "day", "split": "time"},
        {"time": "day", "fields": {"hour": {"kind": "time-part", "column": "day", "part": "hour"}}},
        {"hashed": {"user": 7, "tags": 3}, "multi": {"tags": "|"}, "weights": {"click": "weight"}},
        {"list": "request", "time": "day", "split": "time", "history": {}, "user": "user"},
        {"min_count": 5, "tasks": ["click"]},
    ],
    ids=str,
)
def test_new_rows_are_known_by_the_digests_of_prepared_ones(tmp_path, settings):
    rows = table()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    dataset = Table(TableSettings.parse({"files": "rows.csv", **PLAIN, **settings}))
    prepared = prepare(dataset, "table", tmp_path, tmp_path / "prepared")
    forms = [
        tmp_path / "rows.csv",
        rows.assign(day=pd.to_datetime(rows["day"])).sample(frac=1, random_state=1),
    ]
    for examples in forms:
        with new_rows(NewExamples(dataset, examples, tmp_path, labelled=True, identified=True)) as found:
            digests = found.digests
        assert sorted(digests) == sorted(prepared.rows(*PARTS))
