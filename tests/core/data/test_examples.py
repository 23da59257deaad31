from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automtl_core.data import raw
from automtl_core.data.examples import PART, make_examples, split
from automtl_core.errors import DataError

GOOD = {
    "user": ["a", "b"] * 10,
    "city": ["x"] * 20,
    "price": [1.0, None] * 10,
    "click": [0, 1] * 10,
    "buy": ["1", "0"] * 10,
}


@pytest.mark.parametrize(
    ("rows", "validation", "test"), [(100, 10, 10), (7, 1, 1), (1005, 100, 100), (26, 3, 3)]
)
def test_the_split_has_exact_sizes(rows: int, validation: int, test: int) -> None:
    counts = Counter(split(rows, 0.1, 0.1, seed=0).tolist())
    assert counts == {0: rows - validation - test, 1: validation, 2: test}


def test_the_split_follows_its_seed() -> None:
    assert np.array_equal(split(1000, 0.1, 0.2, seed=3), split(1000, 0.1, 0.2, seed=3))
    assert not np.array_equal(split(1000, 0.1, 0.2, seed=3), split(1000, 0.1, 0.2, seed=4))


def test_examples_are_sorted_and_hold_the_part(tmp_path: Path, given: Callable[..., Any]) -> None:
    with raw.connect(None, tmp_path) as db:
        sizes = make_examples(db, given(GOOD), "shop")
        rows = db.sql(f"SELECT *, {PART} FROM examples").fetchall()  # noqa: S608
    assert sizes == [16, 2, 2]
    assert [row[:5] for row in rows] == [("a", "x", 1.0, 0, "1")] * 10 + [("b", "x", None, 1, "0")] * 10
    assert Counter(row[5] for row in rows) == {0: 16, 1: 2, 2: 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"click": [0, 2] * 10}, "label click holds 2, allowed are 0 and 1"),
        ({"click": ["0", "yes"] * 10}, "label click holds 'yes', allowed are 0 and 1"),
        ({"buy": ["0", None] * 10}, "label buy holds None, allowed are 0 and 1"),
        ({"buy": [0.5] * 20}, "label buy holds 0.5, allowed are 0 and 1"),
        ({"city": ["x", None] * 10}, "field city has rows without a value"),
        ({"price": [1.0, float("inf")] * 10}, "price holds inf"),
    ],
)
def test_wrong_values_are_refused(
    tmp_path: Path, given: Callable[..., Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as error, raw.connect(None, tmp_path) as db:
        make_examples(db, given({**GOOD, **change}), "shop")
    assert str(error.value) == f"dataset shop: {message}"


def test_missing_columns_are_named(tmp_path: Path, given: Callable[..., Any]) -> None:
    columns = {
        ("cost" if name == "price" else name): values for name, values in GOOD.items() if name != "user"
    }
    with pytest.raises(DataError, match="its rows lack 'user', 'price'"), raw.connect(None, tmp_path) as db:
        make_examples(db, given(columns), "shop")


@pytest.mark.parametrize(("rows", "count"), [(0, "no"), (4, "4")])
def test_too_few_rows_name_the_thresholds(
    tmp_path: Path, given: Callable[..., Any], rows: int, count: str
) -> None:
    dataset = given({name: values[:rows] for name, values in GOOD.items()}, min_buys=7)
    with pytest.raises(DataError, match=f"{count} rows are left") as error, raw.connect(None, tmp_path) as db:
        make_examples(db, dataset, "shop")
    assert error.value.fix == "lower min_buys (now 7)"
