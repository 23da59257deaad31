"""The saved encoder and the exported one give the arrays of every dataset back, bit for bit."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.encoder import Encoder
from automtl_core.data.store import PARTS
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.connection import connect
from automtl_core.raw.find import find
from automtl_core.raw.load import load
from automtl_core.raw.sql import quoted
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_export.encoder import exported, source
from automtl_export.exporter import inputs

NAMES = load_registry().names(DATASETS)
# Values in few rows become unseen ones in every dataset.
RARE = {"min_count": 45}
SETTINGS = [
    *((name, RARE) for name in NAMES),
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


def content(part):
    """Count rows by what they hold: ids, what bags hold, the bits of numbers."""
    columns = [part.ids[:, place].tolist() for place in range(part.ids.shape[1])]
    for place, (starts, values) in part.bags.items():
        columns[place] = [tuple(values[starts[bag] : starts[bag + 1]].tolist()) for bag in columns[place]]
    floats = np.hstack([part.dense, part.labels])
    floats[np.isnan(floats)] = np.nan
    return Counter(zip(*columns, *floats.view(np.uint32).T.tolist(), strict=True))


def as_frames_are_read(columns, lists):
    """Return the same as a frame in which integers with gaps are floats, and blanks are NaN."""
    kinds = {name: object if name in lists else None for name in columns}
    return pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in columns.items()})


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_the_encoder_gives_the_prepared_arrays_back(name, settings, raw_dataset, tmp_path_factory):
    dataset, data_dir = raw_dataset(name)
    cls = type(dataset)
    dataset = cls(cls.settings_class.parse(dataset.settings.model_dump(mode="json") | settings, "dataset"))
    work = tmp_path_factory.mktemp("work")
    prepared = prepare(dataset, name, data_dir, work / "prepared")
    prepared.encoder.save(work / "run" / "encoder")
    encoder, schema = Encoder.load(work / "run" / "encoder"), prepared.schema
    stored = sum((content(prepared.part(part)) for part in PARTS), Counter())
    raw = raw_examples(dataset, data_dir, schema, work)
    assert content(encoder.encode(raw)) == stored
    lists = {field.name for field in schema.sparse if field.kind == "bag"}
    assert content(encoder.encode(as_frames_are_read(raw, lists))) == stored
    texts = {n: [v if v is None or n in lists else str(v) for v in column] for n, column in raw.items()}
    assert content(encoder.encode(texts)) == stored
    if settings is RARE:
        assert any(0 in prepared.part(part).ids for part in PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_never_seen_and_what_is_blank_have_id_0_and_blank_numbers_stay_blank(
    name, raw_dataset, tmp_path
):
    dataset, data_dir = raw_dataset(name)
    encoder = prepare(dataset, name, data_dir, tmp_path / "prepared").encoder
    schema = encoder.schema
    hashed = {name for name, one in encoder.fields.items() if not any(part.files() for part in one.parts())}
    for blank in (None, float("nan"), "", "never seen"):
        row = {f.name: [[blank]] if f.kind == "bag" else [blank] for f in schema.sparse}
        row |= {f.name: [None] for f in schema.dense} | {t.name: [None] for t in schema.tasks}
        if blank == "never seen":
            row |= {n: [None] for n in hashed}
        part = encoder.encode(row)
        single = [place for place, field in enumerate(schema.sparse) if field.kind != "bag"]
        assert not part.ids[:, single].any()
        assert not any(len(bags.values) for bags in part.bags.values())
        assert np.isnan(part.dense).all()
        assert np.isnan(part.labels).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_the_inputs_of_the_graph_bit_for_bit(name, raw_dataset, tmp_path_factory):
    dataset, data_dir = raw_dataset(name)
    work = tmp_path_factory.mktemp("work")
    prepared = prepare(dataset, name, data_dir, work / "prepared")
    columns = raw_examples(dataset, data_dir, prepared.schema, work)
    (work / "encode.py").write_text(source(prepared.encoder.fields.values()))
    found = exported(work / "encode.py", prepared.path / "encoder")(columns)
    expected = inputs(prepared.encoder.encode(columns, labelled=False), prepared.encoder.schema)
    assert list(found) == list(expected)
    for (what, array), tensor in zip(found.items(), expected.values(), strict=True):
        assert array.dtype == tensor.numpy().dtype, what
        np.testing.assert_array_equal(array, tensor.numpy(), what)
