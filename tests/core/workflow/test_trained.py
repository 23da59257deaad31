"""What a run made predicts examples, from its folder alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.data.aggregates import fit
from automtl_core.data.earlier import rule_of
from automtl_core.data.encoder import Encoder
from automtl_core.data.part import drawn
from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import DataError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Hashed
from automtl_core.training.compute import CPU
from automtl_core.workflow.evaluation import predict_logits
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
    assert Trained(Reads(0, width=3), with_numbers, CPU, 64).outputs() == ("read",)
