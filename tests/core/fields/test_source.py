"""The exported encoder takes values as people write them; tests/contract compares it with that of a run."""

import numpy as np

from automtl_core.data.encoder import Encoder
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.exporter import inputs
from automtl_core.fields.bag import BagEncoder
from automtl_core.fields.buckets import Buckets
from automtl_core.fields.dense import Scale
from automtl_core.fields.source import exported, source
from automtl_core.fields.sparse import Hashed

SCHEMA = Schema(
    (SparseField("user", 8), SparseField("age", 4), SparseField("tags/all", 6, "bag")),
    (DenseField("price"), DenseField("views")),
    (Task("click"),),
)
ENCODER = Encoder(
    SCHEMA,
    {
        "user": Hashed(7),
        "age": Buckets((18.0, 30.0), missing=20.0),
        "tags/all": BagEncoder(Hashed(5)),
        "price": Scale("standard", 2.0, 0.5),
        "views": Scale("log", 0.0, 1.0, missing=3.0),
    },
)
COLUMNS = {
    "user": ["u", 7, 7.0, True, None, "", float("nan"), "ü\ud800"],
    "age": [17, "18", 29.5, 30, None, float("nan"), "", 99],
    "tags/all": [["a", "b", "a"], None, [], ["", None], [1, 2.0], ["c"], ["a"], ["b"]],
    "price": [1, "2.5", None, "", float("nan"), -3, 0, 4],
    "views": [0, -10, None, "7", 1e6, 3, 2, 1],
}


def encoded(encoder, folder, columns):
    """Return what the encoder of an exported folder makes of columns."""
    encoder.save(folder)
    (folder / "encode.py").write_text(source(encoder.fields.values()))
    return exported(folder / "encode.py", folder)(columns)


def test_values_are_taken_as_a_run_takes_them(tmp_path):
    found = encoded(ENCODER, tmp_path, COLUMNS)
    expected = inputs(ENCODER.encode(COLUMNS), ENCODER.schema)
    assert list(found) == list(expected) == ["ids", "dense", "tags/all:values", "tags/all:starts"]
    for array, tensor in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())
    assert np.isnan(found["dense"]).tolist() == [[k in (2, 3, 4), False] for k in range(8)]


def test_fields_of_one_kind_alone_are_fine(tmp_path):
    schema = Schema((), (DenseField("price"),), (Task("click"),))
    found = encoded(Encoder(schema, {"price": Scale("none", 0.0, 1.0)}), tmp_path, {"price": [1.5, 2]})
    assert found["ids"].shape == (2, 0)
    assert found["dense"].tolist() == [[1.5], [2.0]]
