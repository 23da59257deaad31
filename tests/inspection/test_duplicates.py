from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Bag, Dense, Sparse
from automtl_inspection.duplicates import Duplicates, duplicates

Given = Callable[..., Any]


@pytest.fixture
def prepared(given: Given, tmp_path: Path) -> Prepared:
    """Return rows that are alike within and between parts."""
    random = np.random.default_rng(0)
    rows = 1500
    dataset = given(
        {
            "user": random.integers(0, 30, rows),
            "city": random.integers(0, 5, rows),
            "price": random.choice([0.0, -0.0, 1.5, np.nan], rows),
            "click": random.integers(0, 2, rows),
            "buy": random.choice([0, 1, np.nan], rows),
            "part": np.repeat(["train", "validation", "test"], [900, 300, 300]),
        }
    )
    dataset.part = "part"
    return prepare(dataset, "given", None, tmp_path)


def table(prepared: Prepared, part: str, labels: bool) -> pd.Series:
    held = prepared.part(part)
    floats = [np.nan_to_num(array, nan=-99) + 0.0 for array in (held.dense, held.labels)]
    columns = [held.ids, *floats][: 3 if labels else 2]
    return pd.Series(list(map(tuple, np.concatenate(columns, axis=1).tolist())))


@pytest.mark.parametrize("chunk", [1 << 20, 70])
def test_shares_are_those_of_comparing_all_rows(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("automtl_core.data.part.CHUNK", chunk)
    found = duplicates(prepared)
    for what, labels in (("features", False), ("features_and_labels", True)):
        train = table(prepared, "train", labels)
        assert getattr(found["train"], what) == train.duplicated(keep=False).mean()
        for part in ("validation", "test"):
            assert getattr(found[part], what) == table(prepared, part, labels).isin(set(train)).mean()
    assert 0 < found["test"].features_and_labels < found["test"].features < 1


def test_columns_are_told_apart(given: Given, tmp_path: Path) -> None:
    """Rows with the same numbers in other columns are not alike."""
    one = {
        "user": ["a", "b"] * 50,
        "city": ["b", "a"] * 50,
        "price": np.arange(100) // 2,
        "click": [0, 1] * 50,
    }
    prepared = prepare(given({**one, "buy": [1, 0] * 50}), "given", None, tmp_path)
    assert duplicates(prepared)["train"] == Duplicates(features=0.0, features_and_labels=0.0)


def test_bags_are_compared_by_what_they_hold(tmp_path: Path, given: Given) -> None:
    class Bags(type(given({}))):  # type: ignore[misc]
        fields = (Sparse("user"), Bag("city"), Dense("price"))

        def values(self, db: Any, field: str) -> Any:
            bags = pd.DataFrame({"bag": self.frame[field].unique()})
            return db.from_df(bags).project("bag, unnest(string_split(bag, '|')) AS value")

    dataset = Bags(given({}).settings)
    bags = ["a|b", "b|a", "c|a|b", "c"] * 25  # the first two hold the same
    labels = {"click": [0, 1] * 50, "buy": [1, 0] * 50}
    dataset.frame = pd.DataFrame({"user": "u", "city": bags, "price": np.arange(100) // 4, **labels})
    dataset.part = "part"
    dataset.frame["part"] = np.repeat(["train", "validation", "test"], [80, 10, 10])
    prepared = prepare(dataset, "bags", None, tmp_path)
    assert duplicates(prepared)["train"] == Duplicates(features=0.5, features_and_labels=0.0)
