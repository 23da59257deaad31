import numpy as np
import pytest

from automtl_core.data.fitting import fitted
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError


def schema(**encodings):
    fields = (SparseField("a", 3), SparseField("b", 4)), (DenseField("x"), DenseField("y"))
    return Schema(*fields, (Task("click"),), plain().with_answers(**encodings))


def rows(dense):
    count = len(dense)
    random = np.random.default_rng(0)
    ids = random.integers(3, size=(count, 2)).astype(np.int32)
    return Part(ids, np.asarray(dense, np.float32), random.integers(2, size=(count, 1)).astype(np.float32))


def test_without_sparse_fields_there_are_no_statistics():
    numbers = Schema((), (DenseField("x"),), (Task("click"),), plain().with_answers(statistics="folds"))
    part = rows([[0]] * 9)
    folds, found = fitted(Part(part.ids[:, :0], part.dense, part.labels), numbers)
    assert (folds, found.sparse) == (None, None)


def test_edges_make_bins_of_equal_frequency_and_are_there_without_any_number():
    dense = np.stack([np.arange(100.0), np.repeat([0.0, 1.0], 50)], axis=1)
    dense[::10, 0] = np.nan
    _, found = fitted(rows(dense), schema(numbers="bins", bins=4))
    assert found.edges.shape == (2, 5)
    assert (found.edges[0, 0], found.edges[0, -1]) == (1, 99)
    counts = np.histogram(dense[:, 0], found.edges[0])[0]
    assert counts.max() - counts.min() <= 2
    assert found.edges[1].tolist() == [0, 0.5, 1, 1, 1]
    _, found = fitted(rows([[np.nan, 3.0]] * 5), schema(numbers="bins", bins=2))
    assert found.edges.tolist() == [[0, 0, 0], [3, 3, 3]]


def test_pairs_have_statistics_where_fields_have_none():
    folds, found = fitted(rows([[0, 0]] * 50), schema(crosses=(("a", "b"),)))
    assert folds is not None
    assert found.sparse is None
    assert found.crosses.shape == (6, 12, 2)


def test_earlier_rows_need_times():
    part = rows([[0, 0]] * 50)
    with pytest.raises(UsageError, match="earlier"):
        fitted(part, schema(statistics="earlier"))
    folds, _ = fitted(part, schema(statistics="earlier"), np.arange(50, dtype=np.int32)[::-1])
    assert folds.tolist() == np.repeat([4, 3, 2, 1, 0], 10).tolist()
