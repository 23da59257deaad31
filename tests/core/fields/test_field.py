"""A kind of field that learns nothing; the others are tested by what is prepared of them."""

from dataclasses import dataclass

import numpy as np
import pytest

from automtl_core.data.encoder import Encoder
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, FieldLearner, Read
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import BagEncoder, Hashed
from automtl_export.encoder import exported, source
from automtl_export.exporter import inputs


@dataclass(frozen=True)
class Length(FieldEncoder):
    """Ids by the length of two texts."""

    size: int = 9
    kind = "length"

    def encode(self, first, second):
        return np.array([len(one) + len(two) for one, two in zip(first, second, strict=True)])


def test_a_learner_of_nothing_encodes_chunks_and_a_kind_needs_a_learner():
    learner = FieldLearner({"a": Read("text"), "b": Read("number")}, Length())
    learner.see({})
    chunk = {"automtl:text of a": ["x", ""], "b": ["yy", "z"], "a": [1, 0]}
    assert learner.learn(None) == Length()
    assert learner.encode(chunk).tolist() == [3, 1]
    assert not learner.constant
    with pytest.raises(TypeError, match="learner"):
        FieldKind("user")


SCHEMA = Schema(
    (SparseField("user", 8), SparseField("tags/all", 6, "bag")),
    (DenseField("price"), DenseField("views")),
    (Task("click"),),
)
ENCODER = Encoder(
    SCHEMA,
    {
        "user": Hashed(7),
        "tags/all": BagEncoder(Hashed(5)),
        "price": Scale("standard", 2.0, 0.5),
        "views": Scale("log", 0.0, 1.0, missing=3.0),
    },
)
COLUMNS = {
    "user": ["u", 7, 7.0, True, None, "", float("nan"), "ü\ud800"],
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
