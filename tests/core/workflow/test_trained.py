"""What a run made predicts examples and new rows, from its folder alone."""

import csv
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from automtl_core.data.aggregates import fit
from automtl_core.data.earlier import rule_of
from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples
from automtl_core.data.part import drawn
from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import DataError, DivergedError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Hashed, Vocabulary
from automtl_core.training.compute import CPU
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.new_rows import Unseen, measure, write_predictions
from automtl_core.workflow.trained import Trained, unread_columns

from .lines import begin, make_job


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return make_job(folder), begin(make_job(folder), folder / "run")


def test_it_says_what_the_network_said_and_looks_at_no_label(run):
    job, finished = run
    prepared = job.prepare()
    examples = prepared.encoder.decode(prepared.part("test")) | {"click": ["not a label"] * 200}
    made = Trained.of(finished, job.registry)
    assert [task.name for task in made.tasks] == ["click", "like", "skip", "hide"]
    found = made.predict_logits(made.encoder.encode(examples, labelled=False))
    assert np.array_equal(found, predict_logits(job, finished, prepared))
    with pytest.raises(DataError, match="column 'click'"):
        made.encoder.encode(examples)


class Reads(nn.Module):
    """Reads one column of ids, and the number if it is told so."""

    def __init__(self, place, number=False, width=1):
        super().__init__()
        self.place, self.number, self.width = place, number, width
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, features):
        assert features.dense.shape[1] == self.width
        found = features.ids[:, self.place, None].float() * self.weight
        return found + features.dense.nan_to_num(7.0) if self.number else found

    def outputs(self, features):
        return {"read": self(features)}


def encoder(**more):
    schema = Schema(
        (SparseField("user", 9), SparseField("item", 9)), (DenseField("price"),), (Task("click"),), **more
    )
    return Encoder(schema, {"user": Hashed(8), "item": Hashed(8), "price": Scale("standard", 0.0, 1.0)})


def test_closed_fields_have_unread_columns_unless_they_are_read():
    assert unread_columns(Reads(0), encoder(), ("item", "price"), CPU) == ["item", "price"]
    assert unread_columns(Reads(1), encoder(), ("item", "price"), CPU) == []
    assert unread_columns(Reads(0, number=True), encoder(), ("price",), CPU) == []
    of_items = encoder(histories=(History("past", "user", "time", ("item",)),))
    assert unread_columns(Reads(0), of_items, ("item", "price"), CPU) == ["price"]
    assert unread_columns(Reads(0), encoder(), (), CPU) == []
    schema = encoder().schema
    keyed = replace(schema, encodings=plain().with_answers(aggregates=[["user"]]))
    part = drawn(schema, 64)
    part.labels[:] = np.arange(64)[:, None] % 2
    aggregates = fit(part, keyed, rule_of(64, None), np.zeros((64, 2), np.float32))
    with_numbers = replace(encoder(), aggregates=aggregates)
    assert unread_columns(Reads(0, width=3), with_numbers, ("item", "price"), CPU) == ["item", "price"]
    assert Trained(Reads(0, width=3), with_numbers, CPU).outputs() == ("read",)


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
def known_values(tmp_path):
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


def test_values_that_are_written_otherwise_are_named_unless_one_is_known(known_values):
    assert warnings(known_values, ["", None, "1"], ["2"] * 99) == [
        "user: none of the 100 values occurs in the training rows; they may be written otherwise: "
        "'1' here, '1.0' there"
    ]
    assert warnings(known_values, ["1"] * 100, ["1.0"], ["1"] * 100) == []
    assert warnings(known_values, ["1"] * 99, [None] * 100) == []
    assert warnings(known_values, ["1"] * 100, unread=["user"]) == []
