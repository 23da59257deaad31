"""Encoded rows as they are written: vocabularies, scaled numbers, labels, users and times."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dense, Label, Sparse
from automtl_core.errors import DataError
from automtl_core.prepare.prepare import prepare


@pytest.fixture
def frame():
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
def prepared(tmp_path, given, frame):
    return prepare(given(frame), "shop", None, tmp_path)


def decoded(prepared, part, field):
    place = [f.name for f in prepared.schema.sparse].index(field)
    values = [None, *prepared.vocabulary(field)]
    return [values[i] for i in prepared.part(part).ids[:, place]]


def test_vocabularies_are_sorted_and_from_train_only_and_unseen_values_have_id_0(prepared):
    assert prepared.vocabulary("city") == ['q"', "x", "y,z"]
    users = prepared.vocabulary("user")
    assert users == sorted(users)
    assert len(users) == 160
    assert [field.size for field in prepared.schema.sparse] == [161, 4]
    assert set(decoded(prepared, "train", "user")) == set(users)
    for part in PARTS[1:]:
        assert decoded(prepared, part, "user") == [None] * 20
        assert None not in decoded(prepared, part, "city")


def test_rows_stay_together_and_numbers_are_scaled_by_training_rows(prepared, frame):
    train, rows = prepared.part("train"), frame.set_index("user")
    original = rows.loc[decoded(prepared, "train", "user")]
    assert list(original["city"]) == decoded(prepared, "train", "city")
    assert np.array_equal(train.labels, original[["click", "buy"]])
    mean, deviation = original["price"].mean(), original["price"].std(ddof=0)
    assert original["price"].isna().any()
    np.testing.assert_allclose(train.dense[:, 0], (original["price"] - mean) / deviation, rtol=1e-6)
    held_out = (rows.drop(original.index)["price"] - mean) / deviation
    found = np.concatenate([prepared.part(part).dense[:, 0] for part in PARTS[1:]])
    np.testing.assert_allclose(np.sort(found), np.sort(held_out), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("value", "mean", "stored"), [(3.0, 3.0, 0.0), (None, 0.0, np.nan)])
def test_a_constant_dense_field_becomes_zero_and_an_empty_one_stays_empty(
    tmp_path, given, frame, value, mean, stored
):
    prepared = prepare(given(frame.assign(price=value)), "shop", None, tmp_path)
    scale = prepared.encoder.fields["price"]
    assert (scale.offset, scale.width) == (mean, 1.0)
    assert prepared.manifest["warnings"] == ["the same in all training rows: price"]
    np.testing.assert_array_equal(prepared.part("train").dense, np.full((160, 1), stored))


def test_the_manifest_tells_of_labels(prepared):
    for part in PARTS:
        labels = prepared.part(part).labels
        assert prepared.manifest["rows"][part] == len(labels)
        for place, told in enumerate(prepared.manifest["labels"][part].values()):
            positives, mean = labels[:, place].sum(), pytest.approx(labels[:, place].mean())
            assert told == {"rows": len(labels), "positives": positives, "mean": mean}


def test_a_dataset_may_lack_dense_or_sparse_fields(tmp_path, given, frame):
    for kept, shape in ((Sparse, (160, 0)), (Dense, (160, 1))):
        dataset = given(frame)
        dataset.fields = [field for field in dataset.fields if isinstance(field, kept)]
        prepared = prepare(dataset, f"only-{kept.__name__.lower()}", None, tmp_path)
        assert prepared.part("train").dense.shape == shape


def test_rare_values_are_not_in_the_vocabulary(tmp_path, given, frame):
    frame["city"] = [f"c{n // 100}" if n % 10 else f"rare{n}" for n in range(200)]
    prepared = prepare(given(frame, min_count={"city": 2}), "shop", None, tmp_path)
    assert prepared.vocabulary("city") == ["c0", "c1"]
    assert len(prepared.vocabulary("user")) == 160
    frame["city"] = ["a"] * 20 + ["b"] * 100 + ["c"] * 30 + ["d"] * 50
    frequent = prepare(given(frame, max_vocabulary=2), "shop", None, tmp_path)
    assert frequent.vocabulary("city") == ["b", "d"]


def test_hashed_fields_have_a_fixed_size(tmp_path, given, frame):
    prepared = prepare(given(frame, hashed={"user": 50}), "shop", None, tmp_path)
    assert (prepared.schema.sparse[0].size, prepared.vocabulary("user")) == (51, [])
    ids = np.concatenate([prepared.part(part).ids[:, 0] for part in PARTS])
    assert ids.min() >= 1
    assert 40 < len(np.unique(ids)) <= 50


def test_real_and_missing_labels(tmp_path, given, frame):
    frame["buy"] = np.where(np.arange(200) % 3 == 0, np.nan, np.arange(200) * 2.0)
    dataset = given(frame)
    dataset.labels = (Label("click"), Label("buy", "regression"))
    prepared = prepare(dataset, "shop", None, tmp_path)
    train, task = prepared.part("train"), prepared.schema.tasks[1]
    original = frame.set_index("user").loc[decoded(prepared, "train", "user"), "buy"]
    assert (task.kind, task.mean) == ("regression", pytest.approx(original.mean()))
    assert task.deviation == pytest.approx(original.std(ddof=0))
    np.testing.assert_allclose(train.labels[:, 1] * task.deviation + task.mean, original, rtol=1e-5)
    assert prepared.manifest["labels"]["train"]["buy"] == {
        "rows": original.notna().sum(),
        "mean": pytest.approx(original.mean(), rel=1e-4),
    }


@pytest.mark.parametrize(
    ("columns", "settings", "texts", "fix"),
    [
        ({"w": 0}, {"weights": {"click": "w"}}, (), "leave the task out: --set dataset.tasks=[buy]"),
        ({"click": 0}, {"tasks": ["click"]}, (), "learn another task: --set dataset.tasks=[buy]"),
        ({"click": 0, "buy": 1}, {}, (), "give rows with other values"),
        ({"click": 0, "buy": 1}, {}, ("ja", "oui"), "correct the positive values of"),
    ],
)
def test_labels_without_anything_to_learn_are_refused(tmp_path, given, frame, columns, settings, texts, fix):
    dataset = given(frame.assign(**columns), **settings)
    dataset.labels = Label("click", positive=texts), Label("buy")
    with pytest.raises(DataError, match="dataset shop: label click") as error:
        prepare(dataset, "shop", None, tmp_path)
    assert error.value.fix.startswith(fix)
    assert not list(tmp_path.iterdir())


def test_empty_texts_are_blanks_and_whole_floats_are_integers(tmp_path, given, frame):
    frame["user"] = [float(n % 9) if n % 5 else np.nan for n in range(200)]
    frame["city"] = ["", "x", "y", None] * 50
    for hashed in ({}, {"city": 6}):
        prepared = prepare(given(frame, hashed=hashed), "shop", None, tmp_path)
        assert prepared.vocabulary("user") == list("012345678")
        assert prepared.vocabulary("city") == ([] if hashed else ["x", "y"])
        stored = np.concatenate([prepared.part(part).ids for part in PARTS])
        found = prepared.encoder.encode(frame).ids
        assert sorted(stored.tolist()) == sorted(found.tolist())
        assert (found[:, 1] == 0).sum() == 100


def test_vocabularies_do_not_depend_on_chunks_and_hold_no_fractions(tmp_path, given, frame, monkeypatch):
    first = prepare(given(frame), "given", None, tmp_path / "first").manifest
    monkeypatch.setattr("automtl_core.prepare.values.LINES", 7)
    assert prepare(given(frame), "given", None, tmp_path / "second").manifest == first
    frame["city"] = np.arange(200) / 2
    with pytest.raises(DataError, match="text or integers, not fractions as in city") as error:
        prepare(given(frame), "shop", None, tmp_path)
    assert error.value.fix


ROWS = 3000
N = np.arange(ROWS)
COLUMNS = {"user": N % 250, "city": N % 7, "price": N / 10, "click": N % 2, "buy": N % 3 == 0}


@pytest.mark.parametrize("split", ["random", "user"])
def test_users_are_identified_also_where_no_training_row_names_them(tmp_path, given, split):
    user = N % 250
    dataset = given({**COLUMNS, "user": [f"u{n}" if n else None for n in user], "price": user}, split=split)
    dataset.fields, dataset.user = (Sparse("user"), Dense("price", "none")), "user"
    prepared = prepare(dataset, "given", None, tmp_path)
    assert [prepared.times(name) for name in PARTS] == [None] * 3
    for part in map(prepared.part, PARTS):
        pairs = {*zip(part.users.tolist(), part.dense[:, 0].tolist(), strict=True)}
        assert len({number for number, _ in pairs}) == len({who for _, who in pairs}) == len(pairs)
        assert all((number == 0) == (who == 0) for number, who in pairs)


def test_a_split_by_time_keeps_the_order_of_times(tmp_path, given):
    at = (N * 7 % ROWS) // 10
    dataset = given({**COLUMNS, "price": at, "at": [f"{when:04}" for when in at]}, split="time")
    dataset.fields, dataset.time = (Sparse("user"), Dense("price", "none")), "at"
    prepared = prepare(dataset, "given", None, tmp_path)
    assert prepared.part("test").users is None
    times = np.concatenate([prepared.times(name) for name in PARTS])
    prices = np.concatenate([prepared.part(name).dense[:, 0] for name in PARTS])  # which tell when a row was
    assert len(times) == ROWS
    pairs = sorted({*zip(times.tolist(), prices.tolist(), strict=True)})
    assert [price for _, price in pairs] == list(range(300))
    assert len({time for time, _ in pairs}) == 300
