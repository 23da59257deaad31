import json
import os
import shutil

import numpy as np
import pytest

from automtl_core.data.earlier import rule_of
from automtl_core.data.encoder import Encoder
from automtl_core.data.store import Prepared, write_header, write_manifest
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Vocabulary
from automtl_core.system.documents import sha256

SCHEMA = Schema((SparseField("city", 3),), (DenseField("price"),), (Task("click"), Task("buy")))


@pytest.fixture
def folder(tmp_path):
    """Write a training part of two rows."""
    (tmp_path / "train").mkdir()
    (tmp_path / "encoder").mkdir()
    (tmp_path / "hashes").mkdir()
    for name, array in (
        ("ids", np.array([[1], [2]], np.int32)),
        ("dense", np.array([[0.5], [-0.5]], np.float32)),
        ("labels", np.array([[1, 0], [0, 1]], np.float32)),
        ("seconds", np.array([[50.5], [20.0]])),
        ("users", np.array([[3], [0]], np.int32)),
        ("city.codes", np.array([[2], [3]], np.int32)),
        ("../hashes/city", np.array([0, 7, 8, 9], np.uint64)),
    ):
        with (tmp_path / "train" / f"{name}.npy").open("wb") as file:
            write_header(file, array.dtype, array.shape)
            file.write(array.tobytes())
    lines = [json.dumps(value) + "\n" for value in (None, "köln\n", '"x"')]
    values = tmp_path / "encoder" / "city.txt"
    values.write_text("".join(lines))
    city = Vocabulary(3, sha256(values) or "", values)
    Encoder(SCHEMA, {"city": city, "price": Scale("none", 0.0, 1.0)}).save(values.parent)
    write_manifest(tmp_path, {"schema": SCHEMA.to_json(), "rate": 0.25})
    return tmp_path


def test_reads_what_was_written(folder):
    prepared = Prepared.open(folder)
    part = prepared.part("train")
    assert len(part) == 2
    assert isinstance(part.ids, np.memmap)
    assert (part.ids.tolist(), part.dense.tolist()) == ([[1], [2]], [[0.5], [-0.5]])
    assert part.labels.tolist() == [[1, 0], [0, 1]]
    assert prepared.times("train").tolist() == [50.5, 20.0]
    assert part.users.tolist() == [3, 0]
    assert prepared.schema == SCHEMA
    assert prepared.vocabulary("city") == ["köln\n", '"x"']
    assert prepared.manifest["rate"] == 0.25


def with_settings(folder, split):
    """Return the data, split like this, with labels two seconds after the rows."""
    if split != "time":
        (folder / "train" / "seconds.npy").unlink()
    settings = {"split": split, "label_delay": 2.0}
    facts = {"settings": settings, "rows": {"train": 2}, "time_unit": 1.0}
    return Prepared(folder, {"schema": SCHEMA.to_json(), **facts})


@pytest.mark.parametrize("split", ["time", "user", "random"])
def test_the_split_says_what_training_rows_see(folder, split):
    rule = with_settings(folder, split).rule("never")
    if split == "time":
        assert (rule.times.tolist(), rule.known_until.tolist()) == ([50.5, 20.0], [48.5, 18.0])
        assert rule.folds is None
    else:
        users = np.array([3, 0], np.int32) if split == "user" else None
        assert rule.times is None
        assert np.array_equal(rule.folds, rule_of(2, None, 2.0, users).folds)


def test_encodings_are_fitted_once_and_values_outside_of_the_vocabulary_differ(folder):
    shutil.copytree(folder / "train", folder / "validation")
    prepared = with_settings(folder, "random")
    schema = SCHEMA.encoded(plain().with_answers(aggregates=("city",)))
    assert prepared.part("train").entries(0).hashes.tolist() == [8, 9]
    found = prepared.encoded(schema)
    assert len(found.aggregates.states[0].cells) == 2
    assert prepared.encoded(schema).train.dense is found.train.dense
    assert prepared.encoder_of(schema).aggregates is found.aggregates
    assert prepared.encoded(SCHEMA).aggregates.states == ()


@pytest.mark.parametrize(
    "name", ["train/ids.npy", "train/labels.npy", "encoder/city.txt", "encoder/encoder.json", "manifest.json"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_damage_is_reported_and_never_loaded(folder, name, damage):
    path, content = folder / name, bytearray((folder / name).read_bytes())
    if damage == "delete":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    with pytest.raises(ArtifactError):
        Prepared.open(folder)


@pytest.mark.parametrize("content", ['{"format": 99}', "[]", "{}", "no json", "\udcff"])
def test_other_manifests_are_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ArtifactError):
        Prepared.open(tmp_path)


def test_data_that_was_cut_or_removed_meanwhile_is_an_error_with_its_remedy(folder):
    prepared, path = Prepared.open(folder), folder / "train" / "ids.npy"
    for size in (130, 100, 0):
        os.truncate(path, size)
        with pytest.raises(ArtifactError, match=r"ids\.npy: the file was cut, or is damaged") as error:
            prepared.part("train")
        assert "prepares the data again" in error.value.fix
    path.unlink()
    with pytest.raises(StorageError, match=r"ids\.npy: prepared data cannot be read") as error:
        prepared.part("train")
    assert "prepares the data again" in error.value.fix
