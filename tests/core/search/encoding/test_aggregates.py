"""The selection of keys: those that act, and no others."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.search.encoding.aggregates import select_keys
from automtl_core.search.encoding.rows import EncodingSearchSettings

from .data import part, planted, rows_of


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
