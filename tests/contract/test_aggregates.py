"""Rows of every dataset have the numbers of their aggregates wherever they are read."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from automtl_core.data.encoder import Encoder
from automtl_core.data.store import PARTS
from automtl_core.dataset.encodings import plain
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_export.encoder import exported, source
from automtl_export.exporter import inputs

from .test_encoder import RARE, as_frames_are_read, content, raw_examples

NAMES = load_registry().names(DATASETS)


def keys_of(schema):
    """Return a key of each field, and of each pair with the next field, unless both have several values."""
    bags = {field.name for field in schema.sparse if field.kind == "bag"}
    names = schema.fields()
    pairs = [pair for pair in pairwise(names) if not bags.issuperset(pair)]
    return [*names, *pairs]


@pytest.mark.parametrize("settings", [{}, RARE, {"label_delay": 5.0}], ids=["all", "rare", "delay"])
@pytest.mark.parametrize("name", NAMES)
def test_prepared_rows_new_rows_and_an_export_have_equal_numbers(
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
    stored = sum((content(encoder.with_numbers(prepared.part(part))) for part in PARTS), Counter())
    raw = raw_examples(dataset, data_dir, schema, work)
    lists = {field.name for field in schema.sparse if field.kind == "bag"}
    new = encoder.encode(raw)
    assert new.dense.shape[1] == schema.n_numbers
    assert np.isfinite(new.dense[:, len(schema.dense) :]).all()
    assert content(new) == stored
    assert content(encoder.encode(as_frames_are_read(raw, lists))) == stored
    encoder.save(work / "export", vectors=False)
    (work / "encode.py").write_text(source(encoder.fields.values()))
    found = exported(work / "encode.py", work / "export")(raw)
    for what, tensor in inputs(new, encoder.schema).items():
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
        users = prepared.users("train")[:count]
        assert all(len({*rule.folds[users == user].tolist()}) == 1 for user in {*users.tolist()} - {0})
