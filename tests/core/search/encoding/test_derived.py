"""Derived numbers: those that are planted are found, and none where labels are drawn by a coin."""

import numpy as np
import pytest
import torch

from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import Encodings, plain
from automtl_core.dataset.schema import DenseField, Schema, Task
from automtl_core.errors import UsageError
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import FAR, Inputs
from automtl_core.search.encoding.derived import select_derived
from automtl_core.search.encoding.search import search_encodings

from .data import part, rows_of
from .test_search import RECIPE, real

SCHEMA = Schema((), (DenseField("income", 5.0, 2.0), DenseField("amount", 3.0, 0.5)), (Task("t0"),))
PAIR = ("income", "/", "amount")


def table(seed, told=0.0, count=6000):
    """Return rows whose label follows from the ratio of two numbers beside noise."""
    random = np.random.default_rng(seed)
    dense = random.standard_normal((count, 3))
    ratio = (dense[:, 0] * 2 + 5) / (dense[:, 1] * 0.5 + 3)
    dense[random.random(dense.shape) < 0.1] = np.nan
    labels = random.random(count) < 1 / (1 + np.exp(-told * np.sin(4 * ratio)))
    schema = Schema((), (*SCHEMA.dense, DenseField("noise")), SCHEMA.tasks)
    return rows_of(schema, part(np.zeros((count, 0)), labels, dense))


def test_a_planted_ratio_is_found_and_kept():
    rows, encodings = table(0, told=3.0), Encodings(aggregates=(), numbers="standard")
    assert select_derived(rows)[0] == PAIR
    assert PAIR in search_encodings(rows, encodings, RECIPE, real(rows, encodings)).answers["derived"]


def test_coin_labels_have_none():
    assert sum(bool(select_derived(table(seed))) for seed in range(40)) <= 4


@pytest.mark.parametrize("bins", ["bins", "standard"])
def test_inputs_are_those_of_the_table_row_by_row(bins):
    pairs = [PAIR, ("income", "-", "amount"), ("income", "+", "amount")]
    schema = SCHEMA.encoded(plain().with_answers(derived=pairs, numbers=bins))
    dense = np.random.default_rng(0).standard_normal((500, 2)).astype(np.float32)
    dense[0], dense[1, 1], dense[2] = (0, -6), np.nan, (100, -100)
    inputs = Inputs(schema, 4, 0.1)
    edges = bin_edges(part(np.zeros((500, 0)), np.zeros(500), dense), schema)
    inputs.load_edges(torch.from_numpy(edges))
    given = inputs(Features(torch.zeros(500, 0, dtype=torch.long), torch.from_numpy(dense))).numbers[:, :, 0]
    found = given[:, 2:]
    assert given[2, :2].tolist() == [FAR, -FAR], "what is further from the mean"
    assert found.isfinite().all()
    assert not found[1].any(), "what is not known is the mean"
    for row, (income, amount) in enumerate(dense.astype(float) * (2, 0.5) + (5, 3)):
        if amount and not np.isnan(amount):
            values = np.array([income / amount, income - amount, income + amount])
            scaled = (values - inputs.scales[:, 0].numpy()) / inputs.scales[:, 1].numpy()
            assert found[row].tolist() == pytest.approx(np.clip(scaled, -FAR, FAR), abs=1e-3), row
    assert found[3:].std(0).tolist() == pytest.approx([1, 1, 1], abs=0.3)


def test_a_number_that_is_no_field_is_an_error():
    with pytest.raises(UsageError, match=r"features.derived: income / amont: 'amont' is not a field"):
        SCHEMA.encoded(plain().with_answers(derived=[("income", "/", "amont")]))
