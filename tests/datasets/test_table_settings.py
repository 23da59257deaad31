"""Tables: settings that are refused, fields of kinds that plugins supply, and pretrained vectors."""

import duckdb
import numpy as np
import pytest

from automtl_core.dataset.dataset import Dense, Sparse
from automtl_core.errors import DataError, UsageError
from automtl_core.registry.kinds import FIELD_KINDS
from automtl_core.registry.plugins import load_registry
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings
from automtl_example_field_kind import HashedPair

from .tables import CLICKS, table


def test_settings_stay_the_same_when_they_are_written_and_read_again():
    labels = {"click": None, "buy": {"given": "click"}, "stars": {"kind": "regression"}}
    settings = table(labels=labels, dense=["a"], multi=["b"], files={"train": "a.csv"}).settings
    written = settings.model_dump(mode="json")
    assert TableSettings.parse(written, "dataset") == settings
    assert settings.multi == {"b": "|"}


def test_without_settings_it_can_be_looked_at_but_has_no_rows():
    found = Table(TableSettings())
    assert found.files() == {}
    with pytest.raises(UsageError, match="needs settings") as caught:
        found.content()
    assert "automtl data init FILE" in str(caught.value.fix)


LABELS = {"click": None, "stars": {"kind": "regression"}}
LOGGED = {"sparse": ["user", "item"], "labels": LABELS, "user": "user", "time": "when", "split": "time"}
PAST = {**LOGGED, "history": {}}
EVENTS = {**LOGGED, "labels": {"event": {"positive": ["buy"]}}}
VECTORS_OF = {"files": "t.csv", "sparse": ["user", "item"]}
WRONG = [
    {"labels": []},
    {"sparse": []},
    {"dense": {"a": {"scalling": "log"}}},
    {"files": {"valid": "a.csv"}},
    {"files": []},
    {"files": {"all": "a", "train": "b"}},
    {"files": {"test": "a.csv"}},
    {"files": "/data/a.csv"},
    {"files": "a**.csv"},
    {"time": ""},
    {"sparse": [1]},
    {"sparse": ["user", "user"]},
    {"dense": ["user"]},
    {"dense": ["User"]},
    {"columns": ["users", "click"]},
    {"separator": "::"},
    {"user": "usr"},
    {"split": "time"},
    {"split": "time", "dense": ["user"]},
    {"labels": {"click": {"positive": ["NA"]}}, "blanks": "NA"},
    {"labels": {"click": {}, "buy": {"after": "clik"}}},
    {"labels": {"a": {"kind": "regression", "positive": ["1"]}}},
    {**PAST, "split": "random"},
    {**PAST, "time": None, "split": "user"},
    {**PAST, "history": {"files": "/data/a.csv"}},
    {**PAST, "history": {"fields": ["itm"]}},
    {**PAST, "history": {"outcomes": ["stars"]}},
    {**PAST, "history": {"numbers": ["item"]}},
    {**PAST, "history": {"lists": {"item": "items"}, "files": "log.csv"}},
    {**PAST, "history": {"lists": {"age": "ages"}}},
    {**PAST, "history": {"lists": {"item": "items"}, "numbers": ["price"]}},
    {**EVENTS, "history": {"outcomes": ["action"]}},
    {**EVENTS, "history": {"outcomes": ["event", "event=view"]}},
    {**EVENTS, "labels": {"event=buy": {"kind": "regression"}}},
    {**EVENTS, "labels": {"event=buy": {"positive": ["cart"]}}},
    {**EVENTS, "labels": {"event": {}, "event=buy": {}}},
    {**EVENTS, "labels": {"item=i3": {}}},
    {**EVENTS, "labels": {"event=buy": {}, "event=Buy": {}}},
    {**VECTORS_OF, "vectors": {"item": {"file": "v.npy", "ids": "i.npy"}}},
    {**VECTORS_OF, "vectors": {"click": "v.csv"}},
]


def test_wrong_settings_are_named_by_their_key_with_a_remedy(golden):
    table(**PAST)
    golden.errors("wrong-settings.txt", lambda settings: table(**settings).files(), WRONG)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("user,shop,clic\nu,s,1\n", "correct dataset.labels (the first line"),
        (
            "user,shop,click\n" + "u,s,2\nu,s,1\nu,s,3\n" * 9,
            "name the values that mean 1: dataset.labels.click.positive: ['2'] if 2 is one of them",
        ),
    ],
)
def test_remedies_are_in_the_settings(loaded, text, fix):
    with pytest.raises(DataError) as caught, loaded(table(labels=["click"]), {"clicks.csv": text}):
        pass
    assert str(caught.value.fix).startswith(fix)


PAIR = {"kind": "example-field-kind", "columns": ["user", "shop"]}


def table_of_fields(**settings):
    registry = load_registry().adding(FIELD_KINDS, "example-field-kind", HashedPair)
    return Table(TableSettings.parse({**CLICKS, **settings}, "dataset"), registry.field_kind)


def test_a_field_of_a_kind_that_is_named():
    found = table_of_fields(fields={"both": {**PAIR, "buckets": 50}, "age": {"kind": "dense"}})
    assert found.fields == (Sparse("user"), HashedPair("both", ("user", "shop"), 50), Dense("age"))
    (file,) = found.files().values()
    assert {name: column.kind for name, column in file.columns.items()} == {
        "user": "text", "shop": "text", "age": "number", "click": "number",
    }  # fmt: skip
    assert [file.columns[name].setting for name in ("shop", "user")] == ["dataset.fields", "dataset.sparse"]
    assert TableSettings.parse(found.settings.model_dump(mode="json"), "dataset") == found.settings


WRONG_FIELDS = [
    {"both": {}},
    {"both": {"kind": "example-field-kinds"}},
    {"both": {**PAIR, "bucket": 3}},
    {"a": {**PAIR, "buckets": "many"}, "b": {"kind": "x"}},
    {"both": {**PAIR, "columns": ["user", "user"]}},
    {"both": {**PAIR, "columns": ["User", "shop"]}},
]


def test_wrong_fields_are_named_by_their_key_and_new_rows_hold_columns_of_right_ones(golden):
    golden.errors("wrong-fields.txt", lambda fields: table_of_fields(fields=fields), WRONG_FIELDS)
    with pytest.raises(UsageError, match=r"dataset\.fields names 'shop', which is not in `columns`"):
        table_of_fields(columns=["user", "shops", "click"], fields={"both": PAIR})
    file = table_of_fields(fields={"both": PAIR}).new_file("new.csv", labelled=False)
    assert [*file.columns] == ["user", "shop"]


ROWS = "user,item,click\n" + "".join(f"u{n % 7},i{n % 5},{n % 2}\n" for n in range(200))
VECTORS = {"i0": [1.5, -2.0], "i1": [0.25, 4.0], "i2": [3.0, 1e-7], "new": [7.0, 8.0]}
"""Items i3 and i4 have no vector."""


@pytest.fixture
def with_vectors(prepared):
    def make(vectors, sparse=("user", "item"), **files):
        texts = {"t.csv": ROWS} | {name.replace("__", "."): content for name, content in files.items()}
        return prepared(texts, files="t.csv", sparse=list(sparse), vectors=vectors)

    return make


def csv_of_vectors():
    lines = [f"{item},{'|'.join(map(repr, vector))}" for item, vector in VECTORS.items()]
    return "\n".join(["item,vector", *lines]) + "\n"


def parquet(path):
    with duckdb.connect() as db:
        rows = ", ".join(f"('{item}', {vector}::DOUBLE[])" for item, vector in VECTORS.items())
        db.execute(f"COPY (FROM (VALUES {rows}) AS t(item, vector)) TO '{path}'")


def content(made):
    field = made.encoder.fields["item:vector"]
    return field.values, np.array(field.vectors()), np.array(made.part("train").ids)


def test_formats_of_vectors_are_equal(with_vectors, tmp_path):
    parquet(tmp_path / "v.parquet")
    values, vectors, ids = content(with_vectors({"item": "v.csv"}, v__csv=csv_of_vectors()))
    assert values == ["i0", "i1", "i2", "new"]
    assert (ids[:, 2] > 0).mean() == pytest.approx(0.6, abs=0.05)
    other = content(with_vectors({"item": "v.parquet"}))
    assert other[0] == values
    assert np.array_equal(other[1], vectors)
    assert np.array_equal(other[2], ids)


def test_vectors_stand_in_place_of_ids_and_columns_have_names_of_the_settings(with_vectors):
    made = with_vectors({"item": "v.csv"}, sparse=["user"], v__csv=csv_of_vectors())
    assert [field.name for field in made.schema.sparse] == ["user", "item:vector"]
    assert made.schema.sparse[1].vectors.width == 2
    assert made.manifest["warnings"][0].endswith("training rows have no vector in item:vector")
    named = csv_of_vectors().replace("item,vector", "sku,embedding")
    made = with_vectors({"item": {"file": "v.csv", "id": "sku", "vector": "embedding"}}, v__csv=named)
    assert made.encoder.fields["item:vector"].size == 5


FAULTY = [
    "item,vector\ni0,1|2\ni1,1|2|3\ni2,1|2\n",
    "item,vector\ni0,1|2\ni1,3|4\ni0,5|6\n",
    "item,vector\ni0,1|two\n",
    "item,vector\ni0,1|\n",
    "item,vector\ni0,1|nan\n",
    "item,vektor\ni0,1|2\n",
    "item,vector\n",
]


def test_faults_of_files_of_vectors_are_named_by_their_row(with_vectors, tmp_path, golden):
    golden.errors("wrong-vectors.txt", lambda rows: with_vectors({"item": "v.csv"}, v__csv=rows), FAULTY)
    for query in ("('i0', [1.0, NULL])", "('i0', ['a'])", "('i0', 'a')"):
        with duckdb.connect() as db:
            db.execute(f"COPY (FROM (VALUES {query}) AS t(item, vector)) TO '{tmp_path / 'v.parquet'}'")
        with pytest.raises(DataError, match="row 1: vector: expected a list of finite numbers"):
            with_vectors({"item": "v.parquet"})
