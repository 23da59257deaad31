"""A column is unread only if decisions and predictions agree on it."""

import torch
from torch import nn

from automtl_core.data.encoder import Encoder
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Hashed
from automtl_core.training.compute import CPU
from automtl_core.workflow.trained import unread_columns


class Reads(nn.Module):
    """Reads one column of ids, and the number if it is told so."""

    def __init__(self, place, number=False):
        super().__init__()
        self.place, self.number = place, number
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, features):
        found = features.ids[:, self.place, None].float() * self.weight
        return found + features.dense.nan_to_num(7.0) if self.number else found


def encoder(**more):
    schema = Schema(
        (SparseField("user", 9), SparseField("item", 9)), (DenseField("price"),), (Task("click"),), **more
    )
    return Encoder(schema, {"user": Hashed(8), "item": Hashed(8), "price": Scale("standard", 0.0, 1.0)})


def test_closed_fields_have_unread_columns():
    assert unread_columns(Reads(0), encoder(), ("item", "price"), CPU) == ["item", "price"]


def test_a_field_that_is_read_against_the_names_of_decisions_stays():
    assert unread_columns(Reads(1), encoder(), ("item", "price"), CPU) == []
    assert unread_columns(Reads(0, number=True), encoder(), ("price",), CPU) == []


def test_a_field_that_histories_share_stays():
    of_items = encoder(histories=(History("past", "user", "time", ("item",)),))
    assert unread_columns(Reads(0), of_items, ("item", "price"), CPU) == ["price"]


def test_nothing_closed_is_nothing_unread():
    assert unread_columns(Reads(0), encoder(), (), CPU) == []
