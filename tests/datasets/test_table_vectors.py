"""Pretrained vectors of a table: the same from each format, and faults named by their place."""

import duckdb
import numpy as np
import pytest

from automtl_core.errors import DataError, UsageError
from tests.datasets.tables import table

ROWS = "user,item,click\n" + "".join(f"u{n % 7},i{n % 5},{n % 2}\n" for n in range(200))
VECTORS = {"i0": [1.5, -2.0], "i1": [0.25, 4.0], "i2": [3.0, 1e-7], "new": [7.0, 8.0]}
"""Items i3 and i4 have no vector."""


@pytest.fixture
def with_vectors(prepared):
    def make(vectors, sparse=("user", "item"), **files):
        texts = {"t.csv": ROWS} | {name.replace("__", "."): content for name, content in files.items()}
        return prepared(texts, files="t.csv", sparse=list(sparse), vectors=vectors)

    return make


def csv():
    lines = [f"{item},{'|'.join(map(repr, vector))}" for item, vector in VECTORS.items()]
    return "\n".join(["item,vector", *lines]) + "\n"


def parquet(path):
    with duckdb.connect() as db:
        rows = ", ".join(f"('{item}', {vector}::DOUBLE[])" for item, vector in VECTORS.items())
        db.execute(f"COPY (FROM (VALUES {rows}) AS t(item, vector)) TO '{path}'")


def content(made):
    field = made.encoder.fields["item:vector"]
    return field.values, np.array(field.vectors()), np.array(made.part("train").ids)


def test_formats_are_equal(with_vectors, tmp_path):
    parquet(tmp_path / "v.parquet")
    values, vectors, ids = content(with_vectors({"item": "v.csv"}, v__csv=csv()))
    assert values == ["i0", "i1", "i2", "new"]
    assert (ids[:, 2] > 0).mean() == pytest.approx(0.6, abs=0.05)
    other = content(with_vectors({"item": "v.parquet"}))
    assert other[0] == values
    assert np.array_equal(other[1], vectors)
    assert np.array_equal(other[2], ids)


def test_vectors_stand_in_place_of_ids_and_columns_have_names_of_the_settings(with_vectors):
    made = with_vectors({"item": "v.csv"}, sparse=["user"], v__csv=csv())
    assert [field.name for field in made.schema.sparse] == ["user", "item:vector"]
    assert made.schema.sparse[1].vectors.width == 2
    assert made.manifest["warnings"][0].endswith("training rows have no vector in item:vector")
    named = csv().replace("item,vector", "sku,embedding")
    made = with_vectors({"item": {"file": "v.csv", "id": "sku", "vector": "embedding"}}, v__csv=named)
    assert made.encoder.fields["item:vector"].size == 5


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("item,vector\ni0,1|2\ni1,1|2|3\ni2,1|2\n", "i1 has a vector of another length than most"),
        ("item,vector\ni0,1|2\ni1,3|4\ni0,5|6\n", "'item:vector': i0 has several vectors"),
        (
            "item,vector\ni0,1|two\n",
            r'v\.csv:2: vector: expected numbers with "\|" between them, found "1\|two"',
        ),
        ("item,vector\ni0,1|\n", r"v\.csv:2: vector: expected numbers"),
        ("item,vector\ni0,1|nan\n", r"v\.csv:2: vector: expected numbers"),
        ("item,vektor\ni0,1|2\n", r"v\.csv:1: the header lacks 'vector'"),
        ("item,vector\n", r"v\.csv: holds no rows"),
    ],
)
def test_faults_of_files_are_named(with_vectors, rows, message):
    with pytest.raises(DataError, match=message):
        with_vectors({"item": "v.csv"}, v__csv=rows)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("VALUES ('i0', [1.0, NULL])", "row 1: vector: expected a list of finite numbers"),
        ("VALUES ('i0', ['a'])", "row 1: vector: expected a list of finite numbers"),
        ("VALUES ('i0', 'a')", "row 1: vector: expected a list of finite numbers"),
    ],
)
def test_faults_of_parquet_files_are_named_by_their_row(with_vectors, tmp_path, query, message):
    with duckdb.connect() as db:
        db.execute(f"COPY (FROM ({query}) AS t(item, vector)) TO '{tmp_path / 'v.parquet'}'")
    with pytest.raises(DataError, match=message):
        with_vectors({"item": "v.parquet"})


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({"item": {"file": "v.npy", "ids": "i.npy"}}, "does not have the setting ids: write a file with"),
        ({"click": "v.csv"}, "vectors names 'click', and so does labels"),
    ],
)
def test_faults_of_settings_are_named(vectors, message):
    with pytest.raises(UsageError, match=message):
        table(files="t.csv", sparse=["user", "item"], labels=["click"], vectors=vectors)
