"""Arrays of numpy are read like the rows of other files."""

import duckdb
import numpy as np
import pytest

from automtl_core.data.raw.arrays import load
from automtl_core.dataset.dataset import Column, RawFile
from automtl_core.errors import DataError

VECTOR = RawFile("v.npy", {"vector": Column("vector")}, header=False)
IDS = RawFile("ids.npy", {"id": Column()}, header=False)


def loaded(path, array, file):
    np.save(path / "a.npy", array)
    with duckdb.connect() as db:
        load(db, "table", path / "a.npy", file)
        return db.execute('FROM "table"').fetchall()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64])
def test_rows_of_an_array_become_vectors(tmp_path, kind):
    assert loaded(tmp_path, np.array([[1, 2], [3, 4]], kind), VECTOR) == [([1.0, 2.0],), ([3.0, 4.0],)]


@pytest.mark.parametrize("array", [np.array(["7", "8"]), np.array([7, 8]), np.array([b"7", b"8"])])
def test_values_become_texts(tmp_path, array):
    assert loaded(tmp_path, array, IDS) == [("7",), ("8",)]


@pytest.mark.parametrize(
    ("array", "file", "message"),
    [
        (np.zeros(3), VECTOR, r"an array \[3\] of float64, expected \[values, numbers\]"),
        (np.array([["a"]]), VECTOR, r"an array \[1, 1\] of <U1"),
        (np.zeros((2, 2)), IDS, r"an array \[2, 2\] of float64, expected \[values\] of texts"),
        (np.array([[1.0, 2], [np.nan, 1]]), VECTOR, "row 1 .* not finite"),
    ],
)
def test_another_array_is_named(tmp_path, array, file, message):
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, array, file)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY"])
def test_another_file_is_named(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with duckdb.connect() as db, pytest.raises(DataError, match=r"a\.npy: not an array"):
        load(db, "table", tmp_path / "a.npy", VECTOR)


def test_objects_are_not_unpickled(tmp_path):
    with pytest.raises(DataError, match="not an array"):
        loaded(tmp_path, np.array([{"a": 1}], dtype=object), IDS)
