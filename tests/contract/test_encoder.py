"""Rows of every dataset are the same wherever they are read: prepared, in files, frames and exports."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_baselines.experts import MMoE
from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import PARTS
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import products, scores_of
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.connection import connect
from automtl_core.raw.find import find
from automtl_core.raw.load import load
from automtl_core.raw.sql import quoted
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_core.system import seeds
from automtl_core.training.compute import CPU
from automtl_core.training.metrics import metrics_of
from automtl_core.workflow.new_rows import measure, predicted, write_predictions
from automtl_core.workflow.trained import Trained, predictions
from automtl_export.encoder import exported, source
from automtl_export.exporter import inputs

from .helpers import fields_of

NAMES = load_registry().names(DATASETS)
# Values in few rows become unseen ones in every dataset.
RARE = {"min_count": 45}
SETTINGS = [
    *((name, settings) for name in NAMES for settings in ({}, RARE, {"label_delay": 5.0})),
    ("table", {"hashed": {"tags": 2, "user": 5}, "dense": {"price": {"scaling": "log"}}, "min_count": 1}),
    ("table", {"dense": {"price": {"scaling": "minmax", "missing": 0.25}}}),
    ("table", {"dense": {"price": {"scaling": "log", "missing": 0.25}}}),
]


def raw_examples(dataset, data_dir, schema, work):
    """Return the columns that preparation encodes, before it does: values, lists of values, labels."""
    names = [field.name for field in (*schema.sparse, *schema.dense, *schema.tasks)]
    with connect(data_dir, work) as db:
        for table, files in find(data_dir, dataset, "raw").items():
            load(db, table, files, work, None)
        rows = dataset.rows(db)
        relation = db.from_df(rows) if isinstance(rows, pd.DataFrame) else rows
        found = relation.project(", ".join(map(quoted, names))).fetchall()
        columns = dict(zip(names, map(list, zip(*found, strict=True)), strict=True))
        for field in schema.sparse:
            if field.kind == "bag":
                held = {}
                for bag, value in dataset.values(db, field.name).project("bag, value").fetchall():
                    held.setdefault(bag, []).append(value)
                columns[field.name] = [held.get(bag) for bag in columns[field.name]]
    return columns


def as_frames_are_read(columns, lists):
    """Return the same as a frame in which integers with gaps are floats, and blanks are NaN."""
    kinds = {name: object if name in lists else None for name in columns}
    return pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in columns.items()})


def keys_of(schema):
    """Return a key of each field, and of each pair with the next field, unless both have several values."""
    bags = {field.name for field in schema.sparse if field.kind == "bag"}
    names = schema.fields()
    pairs = [pair for pair in pairwise(names) if not bags.issuperset(pair)]
    return [*names, *pairs]


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_prepared_rows_new_rows_and_an_export_are_equal_with_their_aggregates(
    name, settings, raw_dataset, tmp_path_factory
):
    dataset, data_dir = raw_dataset(name)
    cls = type(dataset)
    given = dataset.settings.model_dump(mode="json") | settings
    dataset, work = cls(cls.settings_class.parse(given, "dataset")), tmp_path_factory.mktemp("work")
    prepared = prepare(dataset, name, data_dir, work / "prepared")
    schema = prepared.schema.encoded(plain().with_answers(aggregates=keys_of(prepared.schema)))
    prepared.encoder_of(schema).save(work / "run")
    encoder = Encoder.load(work / "run")
    stored = [row for part in PARTS for row in fields_of(encoder.with_numbers(prepared.part(part)))]
    raw = raw_examples(dataset, data_dir, schema, work)
    lists = {field.name for field in schema.sparse if field.kind == "bag"}
    texts = {n: [v if v is None or n in lists else str(v) for v in column] for n, column in raw.items()}
    new = encoder.encode(raw)
    assert new.dense.shape[1] == schema.n_numbers
    assert np.isfinite(new.dense[:, len(schema.dense) :]).all()
    for rows in (raw, as_frames_are_read(raw, lists), texts):
        assert Counter(fields_of(encoder.encode(rows))) == Counter(stored)
    if settings is RARE:
        assert any(0 in prepared.part(part).ids for part in PARTS)
    encoder.save(work / "export", vectors=False)
    (work / "encode.py").write_text(source(encoder.fields.values()))
    found, expected = exported(work / "encode.py", work / "export")(raw), inputs(new, encoder.schema)
    assert list(found) == list(expected)
    for what, tensor in expected.items():
        assert found[what].dtype == tensor.numpy().dtype, what
        np.testing.assert_array_equal(found[what], tensor.numpy(), what)


@pytest.mark.parametrize("split", ["random", "time", "user"])
@pytest.mark.parametrize("name", NAMES)
def test_training_rows_see_what_a_loop_over_rows_says(name, split, raw_dataset, tmp_path):
    dataset, data_dir = raw_dataset(name)
    if getattr(dataset, split, "") is None:
        pytest.skip(f"{name} has no {split} field")
    given = {**dataset.settings.model_dump(mode="json"), "split": split, "label_delay": 3.0}
    dataset = type(dataset)(type(dataset).settings_class.parse(given, "dataset"))
    prepared = prepare(dataset, name, data_dir, tmp_path)
    count = min(prepared.manifest["rows"]["train"], 400)
    rule = prepared.rule("always").some(np.arange(count))
    times, folds = (None if one is None else one.tolist() for one in (rule.times, rule.folds))
    place = next(place for place, one in enumerate(prepared.schema.sparse) if one.kind == "single")
    values = prepared.part("train").some(slice(count)).entries(place).hashes.tolist()
    cells = np.array([sorted({*values}).index(value) for value in values])
    found = rule.sums(cells).of(np.ones((count, 1)))[:, 0]
    for row, value in enumerate(values):
        seen = [other for other in range(count) if values[other] == value]
        if split == "time":
            seen = [other for other in seen if times[other] < times[row] - 3.0]
        else:
            seen = [other for other in seen if folds[other] != folds[row]]
        assert found[row] == len(seen)
        assert row not in seen
    if split == "user":
        users = prepared.part("train").users[:count]
        assert all(len({*rule.folds[users == user].tolist()}) == 1 for user in {*users.tolist()} - {0})


MMOE = MMoE.settings_class(embedding_dim=4, experts=2, expert_layers=(8,), tower_layers=())


def written(columns, schema, path):
    """Write examples as a file of new rows, one more column among them."""
    bags = {field.name for field in schema.sparse if field.kind == "bag"}
    if path.suffix == ".csv":
        columns = {
            name: ["|".join(map(str, bag or ())) for bag in values] if name in bags else values
            for name, values in columns.items()
        }
    with duckdb.connect() as db:
        names = [*columns, "other"]
        kinds = ["VARCHAR[]" if name in bags and path.suffix != ".csv" else "VARCHAR" for name in names]
        shape = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, kinds, strict=True))
        db.execute(f"CREATE TABLE new ({shape})")
        rows = list(zip(*columns.values(), range(len(columns[names[0]])), strict=True))
        row = f"({', '.join('?' * len(names))})"
        for start in range(0, len(rows), 100):  # one by one takes ten times as long
            some = rows[start : start + 100]
            values = [value for given in some for value in given]
            db.execute(f"INSERT INTO new VALUES {', '.join([row] * len(some))}", values)  # noqa: S608 - of ?
        db.execute(f"COPY new TO '{path}'")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_files_and_frames_are_encoded_and_predicted_as_prepared_rows_to_the_last_bit(
    name, raw_dataset, tmp_path
):
    dataset, data_dir = raw_dataset(name)
    prepared = prepare(dataset, name, data_dir, tmp_path / "prepared")
    columns = raw_examples(dataset, data_dir, prepared.schema, tmp_path)
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    before = frame.copy(deep=True)
    paths = [written(columns, prepared.schema, tmp_path / f"new{ending}") for ending in (".csv", ".parquet")]
    if name == "table":
        paths.append(data_dir / "own.csv")
    seeds.seed_torch(0, "network")
    space = MMoE(prepared.schema, MMOE, load_registry().op)
    trained = Trained(space.network(Architecture({})), prepared.encoder, CPU)
    (part,) = map(
        prepared.encoder.encode, frame_rows(NewExamples(dataset, frame, labelled=True)).chunks(10_000)
    )
    stored = [row for name in PARTS for row in fields_of(prepared.part(name))]
    assert Counter(fields_of(part)) == Counter(stored)
    said = trained.predict_logits(part)
    expected = (metrics_of(trained.tasks, part.labels, said), len(said), [])
    scores = products(scores_of(trained.tasks), predictions(trained.tasks, said))
    assert np.array_equal(predicted(trained, NewExamples(dataset, frame))[0], scores)
    assert measure(trained, NewExamples(dataset, columns)) == expected
    pd.testing.assert_frame_equal(frame, before)
    for path in paths:
        reading = NewExamples(dataset, path, tmp_path)
        with new_rows(replace(reading, labelled=True)) as rows:
            (read,) = map(prepared.encoder.encode, rows.chunks(10_000))
        assert list(fields_of(read)) == list(fields_of(part))
        assert write_predictions(trained, reading, tmp_path / f"out-{path.name}.csv") == (len(said), [])
        out = np.loadtxt(tmp_path / f"out-{path.name}.csv", delimiter=",", skiprows=1, ndmin=2)
        assert np.array_equal(out, scores)
        assert measure(trained, reading) == expected
