"""Encoded rows: some of them, chunks and samples, their bins and aggregates; prepared rows in files."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from automtl_core.data.earlier import rule_of
from automtl_core.data.encoder import Encoder
from automtl_core.data.fitting import bin_edges, encoded
from automtl_core.data.part import Bags, Part, chunks, drawn, held, some_rows
from automtl_core.data.store import Prepared, write_array, write_manifest
from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Vocabulary
from automtl_core.system.documents import sha256

SCHEMA = Schema(
    (SparseField("user", 4), SparseField("tags", 6, "bag")),
    (DenseField("price"),),
    (Task("click"),),
    histories=(History("past", "user", "time", ("user",), length=5),),
)


def test_some_rows_have_their_weights_lists_and_users():
    labels = np.zeros((3, 2), np.float32)
    weights, lists = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([5, 5, 6], np.int32)
    part = Part(np.zeros((3, 1), np.int32), labels[:, :0], labels, lists=lists, weights=weights)
    found = part.some(np.array([2, 0]))
    assert (found.weights.tolist(), found.lists.tolist(), found.users) == ([[4, 5], [0, 1]], [6, 5], None)
    found = replace(part, users=np.array([7, 0, 9], np.int32)).some(slice(1, 3))
    assert (found.users.tolist(), found.lists.tolist(), found.groups.tolist()) == ([0, 9], [5, 6], [5, 6])


def test_a_mapped_file_that_was_cut_is_an_error(tmp_path):
    np.save(tmp_path / "labels.npy", np.zeros((5000, 1), np.float32))
    labels = np.load(tmp_path / "labels.npy", mmap_mode="r")
    part = Part(np.zeros((5000, 2), np.int32), np.zeros((5000, 0), np.float32), labels)
    part.check_whole()
    os.truncate(tmp_path / "labels.npy", 4096)
    for each in (part, part.some(slice(4000, None))):
        with pytest.raises(ArtifactError, match=r"labels\.npy: 4,096 bytes, expected 20,128: the file was"):
            each.check_whole()


def test_chunks_hold_all_rows_and_all_values_of_bags(monkeypatch):
    monkeypatch.setattr("automtl_core.data.part.CHUNK", 7)
    part = drawn(SCHEMA, 80)
    assert [len(chunk) for chunk in chunks(part)] == [7] * 11 + [3]
    np.testing.assert_array_equal(np.concatenate([chunk.ids for chunk in chunks(part)]), part.ids)
    bags = Bags(np.array([0, 0, 3, 3, 12, 20]), np.arange(20, dtype=np.int32))
    owners, values = map(np.concatenate, zip(*held(bags), strict=True))
    assert owners.tolist() == [1] * 3 + [3] * 9 + [4] * 8
    assert values.tolist() == list(range(20))


@pytest.mark.parametrize("whole", [10_000, 10])
@pytest.mark.parametrize(("rows", "count"), [(1000, 1), (1000, 70), (1000, 999), (1000, 1000), (5, 9)])
def test_a_sample_has_distinct_rows_in_order(rows, count, whole):
    found = some_rows(rows, count, np.random.default_rng(0), whole=whole)
    assert len(found) == min(rows, count)
    assert (np.diff(found) > 0).all()
    assert found[0] >= 0
    assert found[-1] < rows


def test_every_row_of_many_is_drawn_equally_often():
    random = np.random.default_rng(0)
    drawn = np.concatenate([some_rows(100, 7, random, whole=10) for _ in range(4000)])
    counts = np.bincount(drawn, minlength=100)
    assert abs(counts / 4000 - 0.07).max() < 0.02


def test_a_sample_has_whole_groups_and_rows_without_one_are_drawn_alone():
    random = np.random.default_rng(0)
    groups = np.repeat(1 + random.permutation(200), random.integers(1, 9, 200)).astype(np.int32)
    groups = np.concatenate([groups, np.zeros(50, np.int32)])
    rows, whole, alone = len(groups), [], []
    for count in (1, 7, 300, rows - 1, rows):
        found = some_rows(rows, count, np.random.default_rng(count), groups)
        assert (np.diff(found) > 0).all()
        assert count - 8 < len(found) <= count
        of = groups[found]
        whole += [(of == group).sum() == (groups == group).sum() for group in set(of.tolist()) - {0}]
        alone.append((of == 0).sum())
    assert all(whole)
    assert len(whole) > 200
    assert alone[-1] == 50 > alone[2] > 0


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


STORED = Schema((SparseField("city", 3),), (DenseField("price"),), (Task("click"), Task("buy")))


@pytest.fixture
def folder(tmp_path):
    """Write a training part of two rows."""
    for name in ("train", "encoder", "hashes"):
        (tmp_path / name).mkdir()
    for name, array in (
        ("ids", np.array([[1], [2]], np.int32)),
        ("dense", np.array([[0.5], [-0.5]], np.float32)),
        ("labels", np.array([[1, 0], [0, 1]], np.float32)),
        ("seconds", np.array([[50.5], [20.0]])),
        ("users", np.array([[3], [0]], np.int32)),
        ("city.codes", np.array([[2], [3]], np.int32)),
        ("../hashes/city", np.array([0, 7, 8, 9], np.uint64)),
    ):
        write_array(tmp_path / "train" / f"{name}.npy", array.dtype, array.shape, [array])
    values = tmp_path / "encoder" / "city.txt"
    values.write_text("".join(json.dumps(value) + "\n" for value in (None, "köln\n", '"x"')))
    city = Vocabulary(3, sha256(values) or "", values)
    Encoder(STORED, {"city": city, "price": Scale("none", 0.0, 1.0)}).save(values.parent)
    write_manifest(tmp_path, {"schema": STORED.to_json()})
    return tmp_path


def test_reads_what_was_written(folder):
    prepared = Prepared.open(folder)
    part = prepared.part("train")
    assert isinstance(part.ids, np.memmap)
    assert (part.ids.tolist(), part.dense.tolist()) == ([[1], [2]], [[0.5], [-0.5]])
    assert (part.labels.tolist(), part.users.tolist()) == ([[1, 0], [0, 1]], [3, 0])
    assert prepared.times("train").tolist() == [50.5, 20.0]
    assert prepared.schema == STORED
    assert prepared.vocabulary("city") == ["köln\n", '"x"']


def with_settings(folder, split):
    """Return the data, split like this, with labels two seconds after the rows."""
    if split != "time":
        (folder / "train" / "seconds.npy").unlink()
    settings = {"split": split, "label_delay": 2.0}
    facts = {"settings": settings, "rows": {"train": 2}, "time_unit": 1.0}
    return Prepared(folder, {"schema": STORED.to_json(), **facts})


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
    schema = STORED.encoded(plain().with_answers(aggregates=("city",)))
    assert prepared.part("train").entries(0).hashes.tolist() == [8, 9]
    found = prepared.encoded(schema)
    assert len(found.aggregates.states[0].cells) == 2
    assert prepared.encoded(schema).train.dense is found.train.dense
    assert prepared.encoder_of(schema).aggregates is found.aggregates
    assert prepared.encoded(STORED).aggregates.states == ()


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
