"""Random rows have ids of their schema, missing numbers, bags and events, and are always the same."""

import numpy as np

from automtl_core.data.drawn import drawn
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task

SCHEMA = Schema(
    (SparseField("user", 4), SparseField("tags", 6, "bag")),
    (DenseField("price"),),
    (Task("click"),),
    histories=(History("past", "user", "time", ("user",), length=5),),
)


def test_rows_fit_their_schema():
    rows = drawn(SCHEMA, 400)
    assert len(rows) == 400
    assert set(np.unique(rows.ids[:, 0])) == {0, 1, 2, 3}
    assert set(np.unique(rows.bags[1].values)) == {1, 2, 3, 4, 5}
    assert 0 < np.isnan(rows.dense).mean() < 0.2
    assert rows.histories[0].padded(slice(None)).known.any()


def test_they_are_always_the_same():
    assert np.array_equal(drawn(SCHEMA, 9).ids, drawn(SCHEMA, 9).ids)
