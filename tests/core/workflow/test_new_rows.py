"""New rows are taken in whole batches, and progress is told."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import DivergedError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Hashed, Vocabulary
from automtl_core.workflow.new_rows import Unseen, measure, write_predictions
from automtl_core.workflow.trained import Trained

from .lines import begin, make_job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Give what a run made, its dataset, its test rows and a file of them."""
    folder = tmp_path_factory.mktemp("new")
    job = make_job(folder)
    trained, prepared = Trained.of(begin(job, folder / "run"), job.registry), job.prepare()
    part = prepared.part("test")
    columns = prepared.encoder.decode(part)
    with (folder / "new.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return trained, job.dataset(), part, folder


def test_what_is_not_finite_is_not_written(given):
    trained, dataset, _, folder = given
    weight = next(iter(trained.network.parameters()))
    kept = weight.detach().clone()
    weight.data.fill_(np.nan)
    try:
        with pytest.raises(DivergedError):
            write_predictions(trained, NewExamples(dataset, folder / "new.csv", folder), folder / "nan.csv")
        with pytest.raises(DivergedError):
            measure(trained, NewExamples(dataset, folder / "new.csv", folder))
    finally:
        weight.data.copy_(kept)
    assert not (folder / "nan.csv").exists()


@pytest.fixture
def encoder(tmp_path):
    """An encoder of a field with the values 1.0 and 2.0, and of a hashed one."""
    (tmp_path / "user.txt").write_text("".join(f"{json.dumps(value)}\n" for value in (None, "1.0", "2.0")))
    schema = Schema((SparseField("user", 3), SparseField("item", 9)), (), (Task("click"),))
    return Encoder(schema, {"user": Vocabulary(3, "", tmp_path / "user.txt"), "item": Hashed(8)})


def warnings(encoder, *users, unread=()):
    """Return the warnings of rows with these users, in chunks."""
    watched = Unseen(encoder, unread)
    for some in users:
        rows = pd.DataFrame({"user": some, "item": ["i"] * len(some)})
        watched.add(rows, encoder.encode(rows))
    return list(watched.sentences())


def test_numbers_far_from_those_of_the_training_rows_are_counted():
    names = ("hour", "price", "free")
    schema = Schema((), tuple(map(DenseField, names)), (Task("click"),))
    scales = (
        Scale("standard", 11.5, 7.0, low=0.0, high=23.0),
        Scale("log", 2.0, 1.0, low=1.0, high=1000.0),
        Scale("none", 0.0, 1.0),
    )
    encoder = Encoder(schema, dict(zip(names, scales, strict=True)))
    rows = pd.DataFrame({"hour": [45, 99, None, -99], "price": [9, 1e5, 0, 5], "free": [1e9, 0, 0, 0]})
    for unread in ((), ["hour"]):
        watched = Unseen(encoder, unread)
        for _ in range(2):
            watched.add(rows, encoder.encode(rows))
        hours = (
            "hour: rows with a number far outside of 0 to 23, the range of the training rows: 4, such as 99.0"
        )
        assert list(watched.sentences()) == ([] if unread else [hours])


def test_values_that_are_written_otherwise_are_named_unless_one_is_known(encoder):
    assert warnings(encoder, ["", None, "1"], ["2"] * 99) == [
        "user: none of the 100 values occurs in the training rows; they may be written otherwise: "
        "'1' here, '1.0' there"
    ]
    assert warnings(encoder, ["1"] * 100, ["1.0"], ["1"] * 100) == []
    assert warnings(encoder, ["1"] * 99, [None] * 100) == []
    assert warnings(encoder, ["1"] * 100, unread=["user"]) == []
