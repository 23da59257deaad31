"""A missing number stays one from a raw file to an exported graph: every station takes it alike."""

from collections import Counter

import numpy as np
import pytest

from automtl_baselines.mlps import SharedBottom, SharedBottomSettings
from automtl_core.choices import Architecture
from automtl_core.data.frames import NewExamples
from automtl_core.data.part import Part
from automtl_core.data.store import PARTS
from automtl_core.dataset.encodings import plain
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.plugins import load_registry
from automtl_core.system import seeds
from automtl_core.training.compute import CPU
from automtl_core.workflow.new_rows import predicted
from automtl_core.workflow.trained import Trained, predictions
from automtl_datasets.table import Table
from automtl_export.encoder import exported, source
from automtl_export.exporter import graph
from automtl_export.formats import Onnx

from .test_encoder import content

ROWS = 200
RAW = {
    "user": [f"u{k % 7}" for k in range(ROWS)],
    "price": ["" if k % 5 == 3 else str(k / 8) for k in range(ROWS)],
    "views": ["" if k % 7 == 2 else str(k * k) for k in range(ROWS)],
    "age": ["" if k % 3 == 1 else str(k % 60) for k in range(ROWS)],
    "click": [str(k % 2) for k in range(ROWS)],
}
SETTINGS = {
    "files": "own.csv",
    "sparse": ["user"],
    "dense": {"price": {}, "views": {"scaling": "log"}, "age": {"missing": 30}},
    "labels": ["click"],
}
SIZES = SharedBottomSettings(embedding_dim=3, expert_layers=(8,), tower_layers=())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a dataset with blank numbers, its raw file, and what preparation makes of it."""
    folder = tmp_path_factory.mktemp("missing")
    lines = [",".join(RAW), *map(",".join, zip(*RAW.values(), strict=True))]
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    dataset = Table(Table.settings_class.parse(SETTINGS, "dataset"))
    return dataset, folder / "own.csv", prepare(dataset, "table", folder, folder / "prepared")


def alone(row, **change):
    """Return the columns of one raw row, with other values of some."""
    return {name: [change.get(name, values[row])] for name, values in RAW.items()}


@pytest.fixture(scope="module", params=["standard", "bins"])
def made(table, request):
    """Return what a run would have made with numbers encoded like this, its weights drawn at random."""
    *_, prepared = table
    schema = prepared.schema.encoded(plain().with_answers(numbers=request.param))
    space = SharedBottom(schema, SIZES, load_registry().op)
    space.edges = prepared.encoded(schema).edges
    seeds.seed_torch(0, "network")
    network = space.network(Architecture({})).eval()
    network.inputs.embedding.table.weight.data.mul_(100)
    return request.param, Trained(network, prepared.encoder, CPU, 64)


def said(trained, columns):
    return predictions(trained.tasks, trained.predict_logits(trained.encoder.encode(columns, labelled=False)))


def test_a_row_alone_is_encoded_as_it_was_prepared(table):
    *_, prepared = table
    stored = sum((content(prepared.part(part)) for part in PARTS), Counter())
    assert sum((content(prepared.encoder.encode(alone(row))) for row in range(ROWS)), Counter()) == stored
    parts = [prepared.part(part).dense for part in PARTS]
    blank = [values.count("") for values in (RAW["price"], RAW["views"])]
    assert np.isnan(np.concatenate(parts)).sum(axis=0).tolist() == [*blank, 0], "an age stands for blanks"


def test_what_was_prepared_stands_for_the_numbers_that_were_given(table):
    *_, prepared = table
    decoded = prepared.encoder.decode(prepared.encoder.encode(RAW))
    for name, stand_in in (("price", None), ("views", None), ("age", "30")):
        given = [value or stand_in for value in RAW[name]]
        assert [value is None for value in decoded[name]] == [value is None for value in given]
        np.testing.assert_allclose(np.float64(decoded[name]), np.float64(given), rtol=1e-5, atol=1e-4)


def test_a_row_alone_is_predicted_as_in_its_file(table, made, tmp_path):
    dataset, path, _ = table
    _, trained = made
    found, _ = predicted(trained, NewExamples(dataset, path, tmp_path))
    assert found.shape == (ROWS, 1)
    assert found.std() > 0.001
    each = np.concatenate([said(trained, alone(row)) for row in range(40)])
    assert each == pytest.approx(found[:40], abs=1e-6)


def test_a_missing_number_is_told_from_the_mean_where_it_has_an_embedding(table, made):
    kind, trained = made
    mean = trained.encoder.fields["price"].offset
    missing, usual = (said(trained, alone(0, price=price)) for price in (None, mean))
    gap = np.abs(missing - usual).max()
    assert (gap < 1e-6) == (kind == "standard"), "which has 0 for it, as for the mean"


@pytest.mark.needs_extra("onnx")
def test_the_exported_graph_takes_missing_numbers_as_the_network(table, made, tmp_path):
    *_, prepared = table
    _, trained = made
    schema, some = prepared.schema, trained.encoder.encode(RAW)
    few = Part(some.ids[:32], some.dense[:32], some.labels[:32])
    Onnx.write(graph(trained.network, schema, few), tmp_path)
    (tmp_path / "encode.py").write_text(source(trained.encoder.fields.values()))
    for rows in (slice(None), slice(3, 4)):
        columns = {name: values[rows] for name, values in RAW.items()}
        given = exported(tmp_path / "encode.py", prepared.path / "encoder")(columns)
        assert np.isnan(given["dense"]).any()
        found = Onnx.load(tmp_path)(given)
        assert found == pytest.approx(said(trained, columns), abs=2e-6)
