from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare import prepare
from automtl_core.data.store import PARTS, Prepared


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return 200 rows whose user tells the row, so that an encoded row can be found again."""
    n = np.arange(200)
    return pd.DataFrame(
        {
            "user": [f"ü{i}" for i in n],
            "city": [["x", "y,z", 'q"'][i % 3] for i in n],
            "price": np.where(n % 4 == 0, np.nan, n / 10),
            "click": n % 2,
            "buy": (n % 5 == 0).astype(int),
        }
    )


@pytest.fixture
def prepared(tmp_path: Path, given: Callable[..., Any], frame: pd.DataFrame) -> Prepared:
    return prepare(given(frame), "shop", None, tmp_path)


def decoded(prepared: Prepared, part: str, field: str) -> list[str | None]:
    place = [f.name for f in prepared.schema.sparse].index(field)
    values = [None, *prepared.vocabulary(field)]
    return [values[i] for i in prepared.part(part).ids[:, place]]


def test_vocabularies_are_sorted_and_from_train_only(prepared: Prepared) -> None:
    assert prepared.vocabulary("city") == ['q"', "x", "y,z"]
    users = prepared.vocabulary("user")
    assert users == sorted(users)
    assert len(users) == 160
    assert [field.size for field in prepared.schema.sparse] == [161, 4]
    assert set(decoded(prepared, "train", "user")) == set(users)


def test_unseen_values_have_id_0(prepared: Prepared) -> None:
    for part in PARTS[1:]:
        assert decoded(prepared, part, "user") == [None] * 20
        assert None not in decoded(prepared, part, "city")


def test_rows_stay_together(prepared: Prepared, frame: pd.DataFrame) -> None:
    train, rows = prepared.part("train"), frame.set_index("user")
    original = rows.loc[decoded(prepared, "train", "user")]
    assert list(original["city"]) == decoded(prepared, "train", "city")
    assert np.array_equal(train.labels, original[["click", "buy"]])
    standard = (original["price"] - original["price"].mean()) / original["price"].std(ddof=0)
    np.testing.assert_allclose(train.dense[:, 0], standard.fillna(0), rtol=1e-6)


def test_dense_fields_are_scaled_by_the_training_part(prepared: Prepared, frame: pd.DataFrame) -> None:
    train = set(decoded(prepared, "train", "user"))
    prices = frame[frame["user"].isin(train)]["price"]
    scale = prepared.manifest["scales"]["price"]
    assert scale["mean"] == pytest.approx(prices.mean())
    assert scale["deviation"] == pytest.approx(prices.std(ddof=0))
    held_out = frame[~frame["user"].isin(train)]["price"].fillna(scale["mean"])
    found = np.concatenate([prepared.part(part).dense[:, 0] for part in PARTS[1:]])
    np.testing.assert_allclose(
        np.sort(found), np.sort((held_out - scale["mean"]) / scale["deviation"]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("value", "mean"), [(3.0, 3.0), (None, 0.0)])
def test_a_constant_or_empty_dense_field_becomes_zero(
    tmp_path: Path, given: Callable[..., Any], frame: pd.DataFrame, value: float | None, mean: float
) -> None:
    prepared = prepare(given(frame.assign(price=value)), "shop", None, tmp_path)
    assert prepared.manifest["scales"]["price"] == {"mean": mean, "deviation": 1.0}
    assert not prepared.part("train").dense.any()


def test_arrays_have_the_promised_types(prepared: Prepared) -> None:
    part = prepared.part("test")
    assert [(a.dtype, a.shape) for a in (part.ids, part.dense, part.labels)] == [
        (np.int32, (20, 2)), (np.float32, (20, 1)), (np.float32, (20, 2)),
    ]  # fmt: skip
    assert prepared.oracle("test") is None


def test_rates_and_positives(prepared: Prepared) -> None:
    for part in PARTS:
        labels = prepared.part(part).labels
        assert prepared.manifest["rows"][part] == len(labels)
        assert list(prepared.manifest["positives"][part].values()) == labels.sum(axis=0).tolist()
        assert list(prepared.manifest["rates"][part].values()) == pytest.approx(labels.mean(axis=0))


def test_a_dataset_may_lack_dense_or_sparse_fields(
    tmp_path: Path, given: Callable[..., Any], frame: pd.DataFrame
) -> None:
    for missing, shape in (("dense", (160, 0)), ("sparse", (160, 1))):
        dataset = given(frame)
        setattr(dataset, missing, ())
        prepared = prepare(dataset, f"no-{missing}", None, tmp_path)
        assert prepared.part("train").dense.shape == shape
