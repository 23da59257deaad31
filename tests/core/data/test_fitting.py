"""Bin edges, and the numbers of aggregates in the folder of prepared data."""

import numpy as np
import pytest

from automtl_core.data.earlier import rule_of
from automtl_core.data.fitting import bin_edges, encoded
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task


def schema(**encodings):
    fields = (SparseField("a", 3), SparseField("b", 4)), (DenseField("x"), DenseField("y"))
    return Schema(*fields, (Task("click"),)).encoded(plain().with_answers(**encodings))


def rows(dense):
    count = len(dense)
    random = np.random.default_rng(0)
    ids = random.integers(3, size=(count, 2)).astype(np.int32)
    return Part(ids, np.asarray(dense, np.float32), random.integers(2, size=(count, 1)).astype(np.float32))


def test_edges_make_bins_of_equal_frequency_and_are_there_without_any_number():
    dense = np.stack([np.arange(100.0), np.repeat([0.0, 1.0], 50)], axis=1)
    dense[::10, 0] = np.nan
    found = bin_edges(rows(dense), schema(numbers="bins"))
    assert found.shape == (2, 33)
    assert (found[0, 0], found[0, -1]) == (1, 99)
    counts = np.histogram(dense[:, 0], found[0])[0]
    assert counts.max() - counts.min() <= 2
    assert found[1].tolist() == [0, 0.5, *[1] * 31]
    found = bin_edges(rows([[np.nan, 3.0]] * 5), schema(numbers="bins"))
    assert found.tolist() == [[0] * 33, [3] * 33]


TRAIN = rows(np.random.default_rng(1).standard_normal((80, 2)))
VALIDATION = rows(np.random.default_rng(2).standard_normal((30, 2)))
RULE = rule_of(80, None, 0.0, None)
KEYS = schema(aggregates=("a", ("b", "x")), numbers="bins")


def arrays(made):
    return [made.train.dense.tobytes(), made.validation.dense.tobytes(), made.edges.tobytes()]


def test_without_aggregates_rows_stay_as_they_are(tmp_path):
    found = encoded(TRAIN, VALIDATION, schema(), RULE, tmp_path)
    assert found.train is TRAIN
    assert found.validation is VALIDATION
    assert (found.edges, found.aggregates.states) == (None, ())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chunk", [1 << 20, 7])
def test_numbers_stand_behind_the_dense_fields(monkeypatch, chunk):
    monkeypatch.setattr("automtl_core.data.part.CHUNK", chunk)
    found = encoded(TRAIN, VALIDATION, KEYS, RULE)
    for part, made in ((TRAIN, found.train), (VALIDATION, found.validation)):
        assert np.array_equal(made.dense[:, :2], part.dense)
        assert made.dense.shape == (len(part), KEYS.n_numbers) == (len(part), 2 + 2 * 2)
        assert np.array_equal(made.ids, part.ids)
    of_validation = found.aggregates.of_part(VALIDATION, KEYS).dense
    assert np.array_equal(found.validation.dense, of_validation)
    of_train = found.aggregates.of_part(TRAIN, KEYS).dense
    assert not np.isclose(found.train.dense[:, 2:], of_train[:, 2:]).all(), "rows do not see themselves"


@pytest.mark.parametrize("file", ["train.npy", "aggregates.json", "aggregates-*.npz"])
@pytest.mark.parametrize("damage", ["cut", "delete"])
def test_a_damaged_folder_is_computed_again(tmp_path, file, damage):
    expected = arrays(encoded(TRAIN, VALIDATION, KEYS, RULE, tmp_path))
    (path,) = tmp_path.glob(f"*/{file}")
    content = path.read_bytes()
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(content[:-9])
    assert arrays(encoded(TRAIN, VALIDATION, KEYS, RULE, tmp_path)) == expected
    assert path.stat().st_size == len(content)
