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


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ({"labels": []}, "dataset.labels names no column"),
        ({"sparse": []}, "sparse, dense and multi name no column"),
    ],
)
def test_what_is_needed(left_out, message):
    with pytest.raises(UsageError, match=message):
        table(**left_out).files()


WRONG = {
    "unknown inner key": (
        {"dense": {"a": {"scalling": "log"}}},
        r"dataset\.dense\.a\.scalling is not a setting \(did you mean 'scaling'",
    ),
    "unknown part": ({"files": {"valid": "a.csv"}}, r"dataset\.files: .*validation.*given 'valid'"),
    "no file": ({"files": []}, r"dataset\.files\.all: .*at least one"),
    "all and train": ({"files": {"all": "a", "train": "b"}}, r"dataset\.files: `all` is split"),
    "no train": ({"files": {"test": "a.csv"}}, r"dataset\.files: the part `train` is missing"),
    "absolute": ({"files": "/data/a.csv"}, r"dataset\.files: '/data/a.csv' is no name .*`data_dir`"),
    "no time": ({"time": ""}, r"dataset\.time: expected a text of at least 1 char.*given ''"),
    "absolute log": (
        {"history": {"files": "/data/a.csv"}, "user": "user", "time": "t", "split": "time"},
        r"dataset\.history\.files: '/data/a.csv' is no name",
    ),
    "pattern": ({"files": "a**.csv"}, r"dataset\.files: 'a\*\*.csv' is no name or pattern"),
    "a number for a name": ({"sparse": [1]}, r"dataset\.sparse: write texts in quotes"),
    "named twice": ({"sparse": ["user", "user"]}, r"dataset\.sparse: name 'user' once"),
    "two roles": ({"dense": ["user"]}, r"dataset\.dense names 'user', and so does sparse"),
    "case": ({"dense": ["User"]}, r"dataset\.dense names 'User', and sparse 'user', different only in case"),
    "not a column": (
        {"columns": ["users", "click"]},
        r"dataset\.sparse names 'user', which is not in `columns` \(did you mean 'users'",
    ),
    "a blank that means 1": (
        {"labels": {"click": {"positive": ["NA"]}}, "blanks": "NA"},
        r"dataset\.labels\.click\.positive and blanks name 'NA'",
    ),
    "after": (
        {"labels": {"click": {}, "buy": {"after": "clik"}}},
        r"dataset\.labels\.buy\.after names 'clik', which is not a label \(did you mean 'click'",
    ),
    "positive numbers": (
        {"labels": {"a": {"kind": "regression", "positive": ["1"]}}},
        r"dataset\.labels\.a names texts of a label of 0 and 1",
    ),
    "user": ({"user": "usr"}, r"dataset\.user names 'usr', which is not in `sparse` \(did you mean 'user'"),
    "split by time": ({"split": "time"}, r"dataset\.split: time needs a column; name it by dataset\.time"),
    "separator": ({"separator": "::"}, r"dataset\.separator: .*given '::'"),
}


@pytest.mark.parametrize(("settings", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_settings_are_named_by_their_key(settings, message):
    with pytest.raises(UsageError, match=message) as caught:
        table(**settings)
    assert caught.value.fix


def test_all_faults_come_at_once():
    with pytest.raises(UsageError) as caught:
        table(split="time", dense=["user"])
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["dataset.dense", "dataset.split:"]


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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split": "random"}, "history needs a split by time or by user; set dataset.split: time"),
        ({"time": None, "split": "user"}, "history needs dataset.time; name the column"),
        (
            {"history": {"fields": ["itm"]}},
            "'past' shares 'itm', which is not a single-valued categorical field .did you mean 'item'",
        ),
        ({"history": {"outcomes": ["stars"]}}, "history.outcomes names 'stars', which is not a binary label"),
        ({"history": {"numbers": ["item"]}}, "has two columns 'item': name it once"),
    ],
)
def test_a_history_needs_a_user_a_time_and_a_split(changed, message):
    labels = {"click": None, "stars": {"kind": "regression"}}
    settings = {"sparse": ["user", "item"], "labels": labels, "user": "user", "time": "when", "split": "time"}
    table(**settings, history={})
    with pytest.raises(UsageError, match=message):
        table(**{**settings, "history": {}, **changed})


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


WRONG_FIELDS = {
    "no kind": ({"fields": {"both": {}}}, r"dataset\.fields\.both\.kind is missing"),
    "unknown kind": (
        {"fields": {"both": {"kind": "example-field-kinds"}}},
        r"dataset\.fields\.both\.kind: no field kind is called 'example-field-kinds' \(did you",
    ),
    "unknown setting": (
        {"fields": {"both": {**PAIR, "bucket": 3}}},
        r"dataset\.fields\.both\.bucket is not a setting \(did you mean 'buckets'",
    ),
    "two at once": (
        {"fields": {"a": {**PAIR, "buckets": "many"}, "b": {"kind": "x"}}},
        r"(?s)dataset\.fields\.a\.buckets: .*dataset\.fields\.b\.kind: ",
    ),
    "wrong for the kind": (
        {"fields": {"both": {**PAIR, "columns": ["user", "user"]}}},
        r"dataset: field 'both': columns are \('user', 'user'\): name two",
    ),
    "case": (
        {"fields": {"both": {**PAIR, "columns": ["User", "shop"]}}},
        r"dataset\.fields names 'User', and sparse 'user', different only in case",
    ),
    "not a column": (
        {"columns": ["user", "shops", "click"], "fields": {"both": PAIR}},
        r"dataset\.fields names 'shop', which is not in `columns` \(did you mean 'shops'",
    ),
}


@pytest.mark.parametrize(("fields", "message"), WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_wrong_fields_are_named_by_their_key(fields, message):
    with pytest.raises(UsageError, match=message):
        table_of_fields(**fields)


def test_an_unknown_setting_is_told_with_those_of_the_kind_and_new_rows_hold_its_columns():
    with pytest.raises(UsageError) as caught:
        table_of_fields(fields={"both": {**PAIR, "bucket": 3}})
    assert caught.value.fix == "the field kind example-field-kind takes: buckets, columns"
    assert [*table_of_fields(fields={"both": PAIR}).new_file("new.csv", labelled=False).columns] == [
        "user",
        "shop",
    ]


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
def test_faults_of_settings_of_vectors_are_named(vectors, message):
    with pytest.raises(UsageError, match=message):
        table(files="t.csv", sparse=["user", "item"], labels=["click"], vectors=vectors)
