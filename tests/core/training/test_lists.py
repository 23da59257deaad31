"""Batches of whole lists."""

import numpy as np
import pytest

from automtl_core.data.part import Part
from automtl_core.training import lists as module
from automtl_core.training.compute import CPU
from automtl_core.training.lists import list_batches
from automtl_core.training.loop import shuffled
from automtl_core.training.recipe import Recipe


def part_of(rows, seed, longest=30, users=False):
    """Return rows whose id is their place, in lists of random lengths, some of them in none."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, longest + 1, rows)
    numbers = np.repeat(np.arange(1, rows + 1), lengths)[:rows]
    numbers[numbers % 10 == 0] = 0
    numbers = draw.permutation(numbers) if users else numbers
    columns = {"users": numbers.astype(np.int32)} if users else {"lists": numbers.astype(np.int32)}
    ids = np.arange(rows, dtype=np.int32)[:, None]
    return Part(ids, np.zeros((rows, 0), np.float32), np.zeros((rows, 1), np.float32), **columns)


def runs_of(part, chosen):
    """Return the lists of some rows in stored order, as a set of tuples of rows."""
    numbers = part.lists[chosen]
    cuts = np.flatnonzero((numbers[1:] != numbers[:-1]) | (numbers[1:] == 0)) + 1
    return {tuple(run.tolist()) for run in np.split(chosen, cuts)}


def windows_of(monkeypatch, block, window):
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "WINDOW", window)


@pytest.mark.parametrize(("block", "window"), [(1 << 12, 1 << 20), (16, 128), (4, 8)])
@pytest.mark.parametrize("some", [False, True], ids=["all rows", "some rows"])
def test_no_list_is_cut_and_every_row_comes_once(monkeypatch, block, window, some):
    windows_of(monkeypatch, block, window)
    part, size = part_of(1000, seed=0), 64
    rows = np.random.default_rng(1).permutation(1000)[:700] if some else None
    chosen = np.arange(1000) if rows is None else np.sort(rows)
    found = list(list_batches(part, size, np.random.default_rng(2), rows))
    assert sorted(np.concatenate(found)) == chosen.tolist()
    assert {run for batch in found for run in runs_of(part, batch)} == runs_of(part, chosen)
    assert abs(len(found) - len(chosen) / size) < 2
    begins = np.cumsum([0, *map(len, found)])
    for number, batch in enumerate(found):
        length = len(next(run for run in runs_of(part, batch) if run[-1] == batch[-1]))
        first, last = begins[number], begins[number] + len(batch) - length
        assert first // size == last // size == number, "the lists that begin within its window"
        assert len(batch) < size + 30
    again = list(list_batches(part, size, np.random.default_rng(2), rows))
    assert all(np.array_equal(one, two) for one, two in zip(found, again, strict=True))
    other = np.concatenate([*list_batches(part, size, np.random.default_rng(3), rows)])
    assert not np.array_equal(other, np.concatenate(found))


def test_a_window_has_lists_from_all_over_the_data(monkeypatch):
    windows_of(monkeypatch, 16, 128)
    batch = next(list_batches(part_of(10_000, seed=0), 100, np.random.default_rng(0)))
    assert batch.max() - batch.min() > 3000
    assert len(np.unique(batch // 16)) <= 20


def test_a_list_longer_than_a_batch_is_whole():
    part = part_of(100, seed=0)
    part.lists[:] = np.repeat([7, 8, 0], [70, 25, 5])
    found = [sorted(batch) for batch in list_batches(part, 10, np.random.default_rng(0))]
    assert sorted(row for batch in found for row in batch) == list(range(100))
    for rows in (range(70), range(70, 95)):
        assert sum({*rows} <= {*batch} for batch in found) == 1


@pytest.mark.parametrize(("block", "window"), [(1 << 12, 1 << 20), (50, 250)])
def test_users_are_together_within_a_window_and_those_with_many_rows_are_divided(monkeypatch, block, window):
    windows_of(monkeypatch, block, window)
    part = part_of(1000, seed=0, users=True)
    part.users[::3] = 5000  # 334 rows
    found = list(list_batches(part, 64, np.random.default_rng(2)))
    assert sorted(np.concatenate(found)) == list(range(1000))
    assert all(len(batch) < 128 for batch in found)
    if window > 1000:
        user = int(part.users[part.users > 0][1])
        held = [np.flatnonzero(part.users[batch] == user) for batch in found]
        held = [places for places in held if len(places)]
        assert np.ptp(held[0]) == len(held[0]) - 1, "they are together"
        assert len(held) == 1, "a user is in one batch"


def passed(part, size, grouped=True):
    found = shuffled(part, Recipe(batch_size=size), 0, 1, CPU, grouped=grouped)
    return [batch.features.ids[:, 0].tolist() for batch in found]


def test_batches_of_one_row_are_left_out():
    part = part_of(41, seed=0)
    part.lists[:] = np.repeat([1, 2, 3], [20, 20, 1])
    assert sorted(map(len, passed(part, 20))) in ([20, 20], [20, 21])
    assert [len(batch) for batch in passed(part, 20, grouped=False)] == [20, 20], "rows, in any batch"


def test_without_groups_batches_are_of_rows():
    part = part_of(100, seed=0)
    plain = Part(part.ids, part.dense, part.labels)
    assert passed(plain, 16) == passed(plain, 16, grouped=False)
