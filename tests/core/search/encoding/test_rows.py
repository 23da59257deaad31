from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from automtl_core.data.earlier import rule_of
from automtl_core.data.fitting import encoded
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.search.encoding.rows import EncodingSearchSettings, Rows, divided

from .data import part


class Data:
    """Stands for prepared data."""

    def __init__(self, count=2000, times=None, users=None, split="random", delay=0.0):
        ids = np.arange(count)[:, None] % 7
        self._part = part(np.concatenate([ids, np.arange(count)[:, None]], axis=1), np.arange(count) % 2)
        self.schema = Schema((SparseField("a", 7), SparseField("row", count)), (), (Task("t"),))
        self._times, self._users = times, users
        self.manifest = {"settings": {"split": split}}
        self.rule = partial(rule_of, count, times, delay, users if split == "user" else None)

    def part(self, name):
        return self._part

    def times(self, name):
        return self._times

    def users(self, name):
        return self._users

    @property
    def drawn_together(self):
        return self._users if self.manifest["settings"]["split"] == "user" else self._part.lists


def which(part):
    return set(part.ids[:, 1].tolist())


def test_rows_are_learned_from_or_looked_at():
    found = divided(Data())
    assert which(found.learn) | which(found.look) == set(range(2000))
    assert not which(found.learn) & which(found.look)
    assert len(found.look) == pytest.approx(400, abs=60)
    again = divided(Data())
    assert which(again.look) == which(found.look)


def test_of_rows_in_order_of_time_the_latest_are_looked_at():
    times = np.random.default_rng(0).permutation(2000).astype(np.int32)
    found = divided(Data(times=times, split="time"))
    assert times[list(which(found.learn))].max() < times[list(which(found.look))].min()
    assert np.array_equal(found.rule.times, times[found.both.ids[:, 1]])
    assert len(found.look) == pytest.approx(400, abs=2)


@pytest.mark.parametrize(("moments", "expected"), [([0.02], None), ([0.7, 0.9], 0.3), ([0.55, 0.99], None)])
def test_where_many_rows_are_at_one_moment_whole_lists_are_drawn_or_the_last_moments_are_taken(
    moments, expected
):
    """Lists of a period begin with it, so that few rows may be later than the others."""
    data = Data(times=np.searchsorted(moments, np.arange(2000) / 2000).astype(np.int32), split="time")
    data._part = replace(data._part, lists=np.repeat(np.arange(1, 401), 5).astype(np.int32))
    found = divided(data)
    rows, lists = list(which(found.look)), data._part.lists
    if expected is None:
        assert len(rows) == pytest.approx(400, abs=100)
        assert not {*lists[rows]} & {*lists[list(which(found.learn))]}
    else:
        assert len(rows) / 2000 == pytest.approx(expected, abs=0.01)
        assert data._times[rows].min() > 0


def test_users_are_kept_together_where_the_data_was_split_by_users():
    users = (np.arange(2000) // 10 + 1).astype(np.int32)
    found = divided(Data(users=users, split="user"))
    assert not set(users[list(which(found.learn))]) & set(users[list(which(found.look))])
    found = divided(Data(users=users))
    assert set(users[list(which(found.learn))]) & set(users[list(which(found.look))])


def test_lists_are_kept_together_and_of_many_rows_some_lists_are_taken():
    data = Data()
    lists = np.repeat(np.arange(401), 5)[:2000].astype(np.int32)
    data._part = replace(data._part, lists=lists)
    for rows in (2000, 501):
        found = divided(data, EncodingSearchSettings(rows=rows))
        learned, looked = (lists[list(which(part))] for part in (found.learn, found.look))
        assert set(learned) & set(looked) <= {0}, "rows without a list are on their own"
        counts = np.bincount(np.concatenate([learned, looked]))[1:]
        assert set(counts.tolist()) <= {0, 5}
        assert len(found.look) == pytest.approx(0.2 * rows, abs=80)


@pytest.mark.parametrize("times", [None, np.arange(2000, dtype=np.int32)])
def test_of_many_rows_some_are_taken(times):
    data = Data(times=times, split="random" if times is None else "time")
    found = divided(data, EncodingSearchSettings(rows=500))
    assert len(found.look) == pytest.approx(100, abs=30)
    taken = which(found.learn) | which(found.look)
    assert len(taken) == 500
    if times is not None:
        assert min(taken) == 1500


def test_few_rows_or_few_positives_tell_nothing():
    data = Data()

    def held_out(count):
        return Rows(data.schema, data.part(""), np.arange(2000) < count, data.rule("never"))

    small, large = held_out(999), held_out(1000)
    assert not small.enough
    assert large.enough
    assert large.telling == data.schema.tasks
    large.look.labels[:] = 0
    assert not large.enough


def test_encodings_are_fitted_to_the_rows_to_learn_from():
    times = np.random.default_rng(0).permutation(2000).astype(np.int32)
    found = divided(Data(times=times, split="time", delay=50.0))
    schema = found.schema.encoded(plain().with_answers(aggregates=("a",)))
    made = found.encoded(schema)
    own = encoded(found.learn, found.look, schema, found.rule.some(np.flatnonzero(~found.held_out)))
    assert np.array_equal(made.train.dense, own.train.dense)
    assert np.array_equal(made.validation.dense, own.validation.dense)
    assert found.encoded(schema).train.dense is made.train.dense
    known = (times < times[sorted(which(found.learn))].max() - 50.0).sum()
    assert made.aggregates.states[0].sums[:, 0].sum() == known, "others of their labels come too late"


def test_held_out_rows_see_the_rows_before_them_if_aggregates_are_refreshed():
    count, held_out = 400, np.arange(400) >= 300
    random = np.random.default_rng(0)
    whole = part(random.integers(1, 3, (count, 1)), random.integers(2, size=count))
    schema = Schema((SparseField("a", 3),), (), (Task("t"),))
    encoding = schema.encoded(plain().with_answers(aggregates=("a",)))
    found = {}
    for refresh in ("never", "always"):
        rule = rule_of(count, np.arange(count) + 0.0, refresh=refresh)
        looked = Rows(schema, whole, held_out, rule, refresh).encoded(encoding).validation.dense
        found[refresh] = len(np.unique(looked[:, 1]))
    assert found["never"] == 2, "the state at the end, by value"
    assert found["always"] > 50
