"""Pretrained vectors are a field whose ids are those of the file of vectors, not of training rows."""

import numpy as np
import pytest

from automtl_core.fields.vectors import KnownVectors, VectorIds, Vectors

VECTORS = {"b": [1.0, 4.0], "c": [3.0, 0.0], "new": [2.0, 2.0]}


class Rows:
    """Rows with the values a, b and c, where a has no vector."""

    rows = 6

    def codes(self, column):
        return 3

    def values(self, column):
        yield ["a", "b"]
        yield ["c"]

    def vectors(self, field):
        yield ["b", "c"], np.array([VECTORS["b"], VECTORS["c"]])
        yield ["new"], np.array([VECTORS["new"]])


@pytest.fixture
def learner():
    return Vectors("item:vector", "item").learner(Rows())


def learned(learner, path, codes=(1, 1, 2, 3, 3, 0)):
    learner.see({"item": np.array(codes)})
    encoder = learner.learn(path / "item.txt")
    assert isinstance(learner, KnownVectors)
    assert isinstance(encoder, VectorIds)
    return encoder


def test_values_that_no_row_has_are_known(learner, tmp_path):
    encoder = learned(learner, tmp_path)
    assert encoder.size == 4
    assert encoder.encode(["new", "a", "c", ""]).tolist() == [3, 0, 2, 0]
    assert learner.encode({"item": np.array([0, 1, 2, 3])}).tolist() == [0, 0, 1, 2]
    assert encoder.decode([0, 3]) == [None, "new"]
    assert list(encoder.reads("item:vector")) == ["item"]


def test_vectors_have_mean_0_and_mean_square_1(learner, tmp_path):
    vectors = learned(learner, tmp_path).vectors()
    assert vectors.shape == (4, 2)
    assert not vectors[0].any()
    assert np.allclose(vectors[1:].mean(0), 0, atol=1e-6)
    assert np.isclose((vectors[1:] ** 2).mean(), 1, atol=1e-6)
    raw = np.array([*VECTORS.values()])
    scale = (raw - raw.mean(0))[0, 0] / vectors[1, 0]
    assert np.allclose(vectors[1:] * scale, raw - raw.mean(0), atol=1e-6)


def test_rows_without_a_vector_are_counted(learner, tmp_path):
    learned(learner, tmp_path)
    assert learner.warnings == ["3 of 6 training rows have no vector in item:vector"]


def test_rows_that_all_have_vectors_need_no_warning(learner, tmp_path):
    learned(learner, tmp_path, codes=(2, 3))
    assert not learner.warnings


def test_the_encoder_is_restored_from_its_files(learner, tmp_path):
    encoder = learned(learner, tmp_path)
    value = encoder.to_json()
    assert value.pop("kind") == "vectors"
    again = VectorIds.from_json(value, tmp_path / "item.txt", {})
    assert again == encoder
    assert np.array_equal(again.vectors(), encoder.vectors())


@pytest.mark.parametrize(("name", "column"), [("item", "item"), ("item", "")])
def test_a_field_needs_a_column_with_another_name(name, column):
    assert list(Vectors(name, column).faults())
