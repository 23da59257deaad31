from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.part import Bags
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.rows import chunks, held, sample
from automtl_core.dataset.dataset import Dataset, Label

Given = Callable[..., Any]


def test_decoded_rows_are_those_of_the_raw_file(shop: Dataset, shop_dir: Path, tmp_path: Path) -> None:
    raw = {tuple(row) for row in pd.read_csv(shop_dir / "shop.csv").itertuples(index=False)}
    rows = sample(prepare(shop, "shop", shop_dir, tmp_path / "out"), 1000)
    assert list(rows[0]) == ["user", "city", "price", "click", "buy"]
    assert len({tuple(row.values()) for row in rows}) == len(rows) == 80
    assert {tuple(row.values()) for row in rows} <= raw


def test_what_the_model_does_not_know_is_none(given: Given, tmp_path: Path) -> None:
    columns = {
        "user": ["rare", *["often"] * 99],
        "city": [None, "x"] * 50,
        "price": np.arange(100.0),
        "click": [0, 1] * 50,
        "buy": [np.nan, 1, 0, np.nan] * 25,
    }
    rows = sample(prepare(given(columns, min_count=2), "given", None, tmp_path), 100)
    assert {row["user"] for row in rows} <= {None, "often"}
    for row in rows:
        n = int(row["price"])  # type: ignore[arg-type]
        assert row["user"] == (None if n == 0 else "often")
        assert (row["city"], row["click"]) == ((None, 0), ("x", 1))[n % 2]
        assert row["buy"] == (None, 1, 0, None)[n % 4]


def test_hashed_ids_are_numbers_and_real_labels_are_as_they_were(given: Given, tmp_path: Path) -> None:
    columns = {
        "user": range(100),
        "city": "x",
        "price": 1.0,
        "click": [0, 1] * 50,
        "buy": np.arange(100) * 2.5,
    }
    dataset = given(columns, hashed={"user": 8})
    dataset.labels = (Label("click"), Label("buy", "regression"))
    rows = sample(prepare(dataset, "given", None, tmp_path), 100)
    assert {row["user"] for row in rows} <= {f"#{n}" for n in range(1, 9)}
    assert {row["buy"] for row in rows} <= {n * 2.5 for n in range(100)}


def test_chunks_hold_all_rows_and_all_values_of_bags(
    shop: Dataset, shop_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automtl_core.data.rows.CHUNK", 7)
    part = prepare(shop, "shop", shop_dir, tmp_path / "out").part("train")
    assert [len(chunk) for chunk in chunks(part)] == [7] * 11 + [3]
    np.testing.assert_array_equal(np.concatenate([chunk.ids for chunk in chunks(part)]), part.ids)
    bags = Bags(np.array([0, 0, 3, 3, 12, 20]), np.arange(20, dtype=np.int32))
    owners, values = map(np.concatenate, zip(*held(bags), strict=True))
    assert owners.tolist() == [1] * 3 + [3] * 9 + [4] * 8
    assert values.tolist() == list(range(20))
