import numpy as np

from automtl_core.data.leaks.predictors import predictors
from automtl_core.data.part import Bags, Part
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task

SCHEMA = Schema(
    (SparseField("tags", 4, "bag"), SparseField("item", 3)),
    (DenseField("price"),),
    (Task("click"), Task("stars", kind="regression")),
)
PART = Part(
    ids=np.array([[0, 2], [1, 0], [2, 1], [1, 2]], dtype=np.int32),
    dense=np.array([[1.0], [5.0], [5.0], [9.0]], dtype=np.float32),
    labels=np.array([[1, 0.5], [0, np.nan], [np.nan, -1], [1, 2]], dtype=np.float32),
    bags={0: Bags(np.array([0, 0, 2, 2]), np.array([1, 3], dtype=np.int32))},
)


def found():
    return {clue.name: clue for clue in predictors(SCHEMA, PART)}


def test_fields_and_labels_are_clues():
    assert [(name, clue.kind) for name, clue in found().items()] == [
        ("tags", "field"), ("item", "field"), ("price", "field"), ("click", "label"), ("stars", "label"),
    ]  # fmt: skip


def test_each_clue_is_a_code_below_its_size_for_each_row():
    for name, clue in found().items():
        codes = clue.codes(PART)
        assert codes.shape == (4,), name
        assert 0 <= codes.min() <= codes.max() < clue.size, name


def test_blanks_are_known_by_their_codes():
    clues = found()
    assert clues["item"].blank.tolist() == [0]
    assert clues["tags"].blank.tolist() == [0, 2], "bags that hold nothing"
    assert clues["click"].codes(PART).tolist() == [2, 1, 0, 2]
    assert clues["stars"].codes(PART)[1] == 0


def test_equal_numbers_have_equal_codes_in_their_order():
    codes = found()["price"].codes(PART).tolist()
    assert codes[1] == codes[2]
    assert codes[0] < codes[1] < codes[3]
