"""The selection of keys and of derived numbers: those that act, and no others."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import Encodings, plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import FAR, Inputs
from automtl_core.search.encoding.aggregates import select_keys
from automtl_core.search.encoding.derived import select_derived
from automtl_core.search.encoding.rows import EncodingSearchSettings
from automtl_core.search.encoding.search import search_encodings

from .data import part, planted, rows_of
from .test_search import RECIPE, real


def keys(rows):
    return {each.key for each in select_keys(rows)}


@pytest.mark.parametrize("seed", range(5))
def test_fields_that_act_together_are_selected_and_one_whose_values_have_many_rows_is_known(seed):
    found = {each.key: each for each in select_keys(planted(seed=seed))}
    assert ("b", "c") in found
    assert ("a",) not in found
    assert "d" not in chain(*found)
    pair = found["b", "c"]
    assert pair.cells == 6 * 5
    assert pair.gains.keys() == {"t0"}
    assert 0 < pair.gains["t0"].low < pair.gains["t0"].mean < pair.gains["t0"].high < 1
    assert pair.p < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_by_chance_no_key_is_selected(seed):
    assert keys(planted(seed=seed, strength=0.0, alone=0.0)) == set()


def test_there_may_be_no_keys():
    assert keys(replace(planted(), settings=EncodingSearchSettings(keys=0))) == set()


def test_keys_are_selected_beside_missing_labels_and_numbers():
    rows = planted(tasks=2)
    rows.both.labels[::3, 0] = np.nan
    rows.both.labels[::2, 1] = np.nan
    assert ("b", "c") in keys(rows)
    rows = planted(dense=2)
    same_sign = (rows.both.dense > 0).all(1) | (rows.both.dense < 0).all(1)
    rows.both.labels[:, 0] = same_sign ^ (np.random.default_rng(0).random(len(same_sign)) < 0.3)
    rows.both.dense[::5] = np.nan
    assert keys(rows) == {("x0", "x1")}, "numbers act as bins"


@pytest.mark.parametrize("mean", [-1.0, 0.0, 5.0])
def test_real_labels_of_any_mean_have_keys_too(mean):
    rows = planted()
    effects = np.cos(rows.both.ids[:, 1] * 2.0) * np.cos(rows.both.ids[:, 2] * 3.0)
    rows.both.labels[:, 0] = mean + effects + np.random.default_rng(0).standard_normal(len(rows.both))
    schema = Schema(rows.schema.sparse, (), (Task("price", kind="regression"),))
    assert ("b", "c") in keys(replace(rows, schema=schema))


def repeating(function, count=8000, seed=0, times=False):
    """Return rows of a user, a field that is a function of the user, and an item; users act."""
    random = np.random.default_rng(seed)
    user, item = random.integers(1, 300, count), random.integers(1, 40, count)
    ids = np.stack([user, function(user), item], axis=1)
    likely = 1 / (1 + np.exp(-1.5 * np.random.default_rng(9).standard_normal(300)[user]))
    fields = tuple(SparseField(name, 301) for name in ("user", "city", "item"))
    whole = part(ids, random.random(count) < likely)
    return rows_of(Schema(fields, (), (Task("t"),)), whole, np.arange(count) // 2 + 0.0 if times else None)


@pytest.mark.parametrize("times", [False, True])
def test_keys_that_say_the_same_are_selected_once(times):
    assert keys(repeating(lambda user: user % 7 + 1, times=times)) == {("user",)}


def test_cells_that_hardly_repeat_are_no_candidates():
    ids = np.stack([np.arange(4000) % 2000, np.arange(4000)], axis=1)
    schema = Schema((SparseField("pair", 2001), SparseField("row", 4001)), (), (Task("t"),))
    rows = rows_of(schema, part(ids, ids[:, 0] % 2))
    assert keys(rows) == {("pair",)}


@pytest.mark.parametrize("turns", [False, True])
def test_a_key_whose_effects_turn_around_has_a_half_life(turns):
    random, count = np.random.default_rng(3), 12_000
    times, item = np.arange(count) / 1.0, random.integers(1, 40, count)
    effects = np.random.default_rng(9).standard_normal(40)[item]
    angle = 1.5 * np.pi * times / count * turns
    likely = 1 / (1 + np.exp(-1.5 * effects * np.cos(angle)))
    schema = Schema((SparseField("item", 41),), (), (Task("t"),))
    found = select_keys(rows_of(schema, part(item[:, None], random.random(count) < likely), times))
    assert [each.key for each in found] == [("item",)] * turns, "its values have many rows"
    assert all(each.aggregate.half_life for each in found)


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
