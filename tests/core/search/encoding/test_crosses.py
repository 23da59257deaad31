from dataclasses import replace

import numpy as np
import pytest

from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.search.encoding import crosses as pairs
from automtl_core.search.encoding.crosses import find_crosses
from automtl_core.search.encoding.rows import EncodingSearchSettings, Rows

from .data import part, planted


@pytest.mark.parametrize("seed", range(5))
def test_fields_that_act_together_are_found_and_no_others(seed):
    rows = planted(seed=seed)
    (found,) = find_crosses(rows, plain())
    assert found.pair == ("b", "c")
    assert found.gain > 0.01
    assert found.sure > 10


def test_a_pair_with_the_name_of_a_field_is_left_out():
    rows = planted()
    named = replace(rows.schema.sparse[0], name="b*c")
    schema = replace(rows.schema, sparse=(named, *rows.schema.sparse[1:]))
    assert find_crosses(replace(rows, schema=schema), plain()) == []


@pytest.mark.parametrize("settings", [{"crosses": 0}, {"cross_errors": 1e3}])
def test_settings_leave_out_crosses(settings):
    assert find_crosses(replace(planted(), settings=EncodingSearchSettings(**settings)), plain()) == []


def test_of_many_fields_those_that_tell_most_alone_are_paired(monkeypatch):
    looked, more = set(), pairs._more
    monkeypatch.setattr(pairs, "_more", lambda *given: looked.add(given[3]) or more(*given))
    find_crosses(replace(planted(), settings=EncodingSearchSettings(cross_fields=2)), plain())
    assert len(looked) == 1
    assert "a" in next(iter(looked))


@pytest.mark.parametrize("seed", range(5))
def test_by_chance_no_pair_is_found(seed):
    assert find_crosses(planted(seed=seed, strength=0.0), plain()) == []


def test_pairs_count_beside_missing_labels_and_numbers():
    rows = planted(tasks=2)
    rows.learn.labels[::3, 0] = np.nan
    rows.look.labels[::2, 1] = np.nan
    assert [found.pair for found in find_crosses(rows, plain())] == [("b", "c")]
    rows = planted(dense=2)
    rows.learn.dense[::5] = np.nan
    assert [found.pair for found in find_crosses(rows, plain())] == [("b", "c")]


@pytest.mark.parametrize("mean", [-1.0, 0.0, 5.0])
def test_real_labels_of_any_mean_have_pairs_too(mean):
    rows = planted()
    for some in (rows.learn, rows.look):
        effects = np.cos(some.ids[:, 1] * 2.0) * np.cos(some.ids[:, 2] * 3.0)
        some.labels[:, 0] = mean + effects + np.random.default_rng(0).standard_normal(len(some))
    schema = Schema(rows.schema.sparse, (), (Task("price", kind="regression"),))
    found = find_crosses(Rows(schema, rows.learn, rows.look), plain())
    assert [each.pair for each in found] == [("b", "c")]


def test_pairs_of_which_hardly_any_repeats_are_not_looked_at(monkeypatch):
    random = np.random.default_rng(0)
    ids, labels = random.integers(1, 3000, (4000, 2)), random.random(4000) < 0.5
    schema = Schema((SparseField("a", 3000), SparseField("b", 3000)), (), (Task("t"),))
    looked = []
    monkeypatch.setattr(pairs, "_more", lambda *given: looked.append(given))
    assert find_crosses(Rows(schema, part(ids, labels), part(ids, labels)), plain()) == []
    assert not looked
