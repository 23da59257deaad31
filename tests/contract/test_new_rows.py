"""New rows of every dataset, in a file of its fields: they are read, and predicted, as prepared ones are."""

from collections import Counter
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_baselines.experts import MMoE
from automtl_core.choices import Architecture
from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import PARTS
from automtl_core.dataset.schema import products, scores_of
from automtl_core.registry.plugins import load_registry
from automtl_core.system import seeds
from automtl_core.training.compute import CPU
from automtl_core.training.metrics import metrics_of
from automtl_core.workflow.new_rows import measure, predicted, write_predictions
from automtl_core.workflow.trained import Trained, predictions

from .test_encoder import NAMES, content, raw_examples

SMALL = MMoE.settings_class(embedding_dim=4, experts=2, expert_layers=(8,), tower_layers=())


@pytest.fixture
def made(raw_dataset, tmp_path_factory):
    """Give what a run would have made of a dataset, its prepared data, and a file of all its examples."""

    def make(name, ending):
        dataset, data_dir = raw_dataset(name)
        work = tmp_path_factory.mktemp("work")
        prepared = prepare(dataset, name, data_dir, work / "prepared")
        if name == "table":
            return dataset, prepared, data_dir / "own.csv", work
        columns = raw_examples(dataset, data_dir, prepared.schema, work)
        return dataset, prepared, written(columns, prepared.schema, work / f"new{ending}"), work

    return make


def batched(rows, size):
    """Return the rows in lists of some."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


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
        for some in batched(rows, 100):  # one by one takes ten times as long
            values = [value for given in some for value in given]
            db.execute(f"INSERT INTO new VALUES {', '.join([row] * len(some))}", values)  # noqa: S608 - of ?
        db.execute(f"COPY new TO '{path}'")
    return path


@pytest.mark.parametrize(("name", "ending"), [*((name, ".csv") for name in NAMES), ("aliccp", ".parquet")])
def test_new_rows_are_encoded_and_predicted_as_prepared_ones_to_the_last_bit(name, ending, made):
    dataset, prepared, path, work = made(name, ending)
    with new_rows(NewExamples(dataset, path, work, labelled=True)) as rows:
        (part,) = (prepared.encoder.encode(chunk) for chunk in rows.chunks(10_000))
    assert content(part) == sum((content(prepared.part(name)) for name in PARTS), Counter())

    seeds.seed_torch(0, "network")
    space = MMoE(prepared.schema, SMALL, load_registry().op)
    trained = Trained(space.network(Architecture({})), prepared.encoder, CPU, batch_size=100)
    said, reading = trained.predict_logits(part), NewExamples(dataset, path, work)
    assert write_predictions(trained, reading, work / "out.csv") == (len(said), [])
    out = np.loadtxt(work / "out.csv", delimiter=",", skiprows=1, ndmin=2)
    scores = products(scores_of(trained.tasks), predictions(trained.tasks, said))
    assert np.array_equal(out, scores)
    assert measure(trained, reading) == (metrics_of(trained.tasks, part.labels, said), len(said), [])


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_and_a_file_of_the_same_rows_have_the_same_ids_and_predictions(
    name, raw_dataset, tmp_path_factory
):
    dataset, data_dir = raw_dataset(name)
    work = tmp_path_factory.mktemp("work")
    prepared = prepare(dataset, name, data_dir, work / "prepared")
    columns = raw_examples(dataset, data_dir, prepared.schema, work)
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    before = frame.copy(deep=True)
    seeds.seed_torch(0, "network")
    space = MMoE(prepared.schema, SMALL, load_registry().op)
    trained = Trained(space.network(Architecture({})), prepared.encoder, CPU, batch_size=100)
    (part,) = map(
        prepared.encoder.encode, frame_rows(NewExamples(dataset, frame, labelled=True)).chunks(10_000)
    )
    scores, _ = predicted(trained, NewExamples(dataset, frame))
    for ending in (".csv", ".parquet"):
        path = written(columns, prepared.schema, work / f"new{ending}")
        with new_rows(NewExamples(dataset, path, work, labelled=True)) as rows:
            (read,) = map(prepared.encoder.encode, rows.chunks(10_000))
        assert rows_of(read) == rows_of(part)
        np.testing.assert_allclose(predicted(trained, NewExamples(dataset, path, work))[0], scores, atol=1e-6)
        assert measure(trained, NewExamples(dataset, path, work)) == measure(
            trained, NewExamples(dataset, columns)
        )
    pd.testing.assert_frame_equal(frame, before)


def rows_of(part):
    """Return what each row holds, in order."""
    return [
        content(replace(part, ids=part.ids[[row]], dense=part.dense[[row]], labels=part.labels[[row]]))
        for row in range(len(part))
    ]
