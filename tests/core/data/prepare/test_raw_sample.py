"""The sample of raw rows beside prepared data."""

from pathlib import Path

import duckdb
import pandas as pd

from automtl_core.data.prepare import raw_sample
from automtl_core.data.prepare.prepare import prepare
from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, History, Label, Sparse


class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Sparse("item"), Bag("tags", "|"), Dense("price"))
    labels = (Label("buy"),)
    histories = (History("past", "user", "at", ("item",), ("buy",)),)
    user, time = "user", "at"

    def content(self):
        return "shop"

    def rows(self, db) -> pd.DataFrame:
        n = pd.Series(range(900))
        return pd.DataFrame(
            {"user": n % 6, "item": "i" + (n % 9).astype(str), "tags": n % 4, "price": n / 8, "at": n,
             "buy": (n % 3 == 0) * 1.0}
        )  # fmt: skip

    def values(self, db, field):
        return db.sql("SELECT unnest([0, 1, 1, 2, 3]) AS bag, unnest(['a', 'b', 'c', 'c', NULL]) AS value")


def sampled(folder: Path, **settings) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    found = prepare(Shop(DatasetSettings.parse(settings, "dataset")), "shop", None, folder).sample
    assert found is not None
    with duckdb.connect() as db:  # texts of a data set without delimited files
        read = [db.read_parquet(str(path)).df() for path in found if path]
    numbers = [one.astype({name: int for name in ("at", "user") if name in one}) for one in read]
    return numbers[0], numbers[1] if found[1] else None


def test_rows_of_the_test_with_all_events_of_their_owners(tmp_path):
    rows, events = sampled(tmp_path, split="time", test_fraction=0.2)
    assert sorted(rows["at"]) == list(range(720, 900))
    assert {*rows.columns} == {"user", "item", "tags", "price", "buy", "at"}
    assert rows.set_index("at")["tags"].fillna("").to_dict() == {
        n: ("a", "b|c", "c", "")[n % 4] for n in range(720, 900)
    }
    assert len(events) == 900
    assert events["at"].tolist() != sorted(events["at"])  # no history may depend on the order of a log


def test_few_rows_and_events_are_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_sample, "ROWS", 50)
    rows, events = sampled(tmp_path / "a")
    assert (len(rows), events) == (50, None)  # a random split has no histories
    monkeypatch.setattr(raw_sample, "EVENTS", 400)
    rows, events = sampled(tmp_path / "b", split="time")
    assert 1 <= len(rows) <= 3
    assert rows["user"].nunique() * 150 == len(events)
