"""Fields of new rows without a known value are named, unless chance explains them."""

import json

import pandas as pd
import pytest

from automtl_core.data.encoder import Encoder
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.fields.sparse import Hashed, Vocabulary
from automtl_core.workflow.new_rows import Unseen


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


def test_values_that_are_written_otherwise_are_named(encoder):
    assert warnings(encoder, ["", None, "1"], ["2"] * 99) == [
        "user: none of the 100 values occurs in the training rows; they may be written otherwise: "
        "'1' here, '1.0' there"
    ]


def test_one_known_value_is_enough(encoder):
    assert warnings(encoder, ["1"] * 100, ["1.0"], ["1"] * 100) == []


def test_few_new_values_and_blanks_are_no_sign(encoder):
    assert warnings(encoder, ["1"] * 99, [None] * 100) == []


def test_a_column_that_the_network_does_not_read_may_have_any_values(encoder):
    assert warnings(encoder, ["1"] * 100, unread=["user"]) == []
