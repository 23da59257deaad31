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
from automtl_core.data.store import PARTS
from automtl_core.dataset.schema import products, scores_of
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.plugins import load_registry
from automtl_core.system import seeds
from automtl_core.training.compute import CPU
from automtl_core.training.metrics import metrics_of
from automtl_core.workflow.new_rows import measure, predicted, write_predictions
from automtl_core.workflow.trained import Trained, predictions

from .test_encoder import NAMES, content, raw_examples

SMALL = MMoE.settings_class(embedding_dim=4, experts=2, expert_layers=(8,), tower_layers=())


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
    space = MMoE(prepared.schema, SMALL, load_registry().op)
    trained = Trained(space.network(Architecture({})), prepared.encoder, CPU, batch_size=100)
    (part,) = map(
        prepared.encoder.encode, frame_rows(NewExamples(dataset, frame, labelled=True)).chunks(10_000)
    )
    assert content(part) == sum((content(prepared.part(name)) for name in PARTS), Counter())
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
        assert rows_of(read) == rows_of(part)
        assert write_predictions(trained, reading, tmp_path / f"out-{path.name}.csv") == (len(said), [])
        out = np.loadtxt(tmp_path / f"out-{path.name}.csv", delimiter=",", skiprows=1, ndmin=2)
        assert np.array_equal(out, scores)
        assert measure(trained, reading) == expected


def rows_of(part):
    """Return what each row holds, in order."""
    return [
        content(replace(part, ids=part.ids[[row]], dense=part.dense[[row]], labels=part.labels[[row]]))
        for row in range(len(part))
    ]
