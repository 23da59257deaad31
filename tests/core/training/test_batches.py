"""Batches of rows, and of whole lists."""

import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.data.part import Bags, Part
from automtl_core.errors import ArtifactError
from automtl_core.training import batches as rows_of_parts, lists
from automtl_core.training.batches import ahead, batches, shuffled_rows, take
from automtl_core.training.compute import CPU
from automtl_core.training.lists import list_batches
from automtl_core.training.loop import shuffled
from automtl_core.training.recipe import Recipe

PART = Part(
    ids=np.arange(14, dtype=np.int32).reshape(7, 2),
    dense=np.arange(7, dtype=np.float32).reshape(7, 1),
    labels=np.ones((7, 3), dtype=np.float32),
)


def test_a_batch_has_the_types_of_the_model_and_all_rows_in_stored_order():
    parts = list(batches(PART, 3, CPU.device))
    assert [len(batch.labels) for batch in parts] == [3, 3, 1]
    assert torch.cat([batch.features.dense for batch in parts]).flatten().tolist() == list(range(7))
    features, labels, groups, weights = take(PART, np.array([1]), CPU.device)
    tensors = features.ids, features.dense, labels
    assert [tensor.dtype for tensor in tensors] == [torch.int64, torch.float32, torch.float32]
    assert [tensor.shape for tensor in tensors] == [(1, 2), (1, 1), (1, 3)]
    assert (features.bags, features.histories, groups(), weights) == ((), (), None, None)


def test_weights_are_0_where_the_label_is_missing():
    labels = np.array([[1, np.nan, 0]] * 7, np.float32)
    batch = take(replace(PART, labels=labels), np.array([1, 0]), CPU.device)
    assert batch.weights.tolist() == [[1, 0, 1]] * 2
    weights = np.arange(21, dtype=np.float32).reshape(7, 3)
    batch = take(replace(PART, labels=labels, weights=weights), np.array([1, 0]), CPU.device)
    assert batch.weights.tolist() == [[3, 0, 5], [0, 0, 2]]
    assert batch._replace(labels=torch.ones(2, 3)).weights.tolist() == [[3, 4, 5], [0, 1, 2]]


@pytest.mark.parametrize("runs", [[[6, 0, 3]], [[6], [0, 3]], [[6, 0], [], [3]]])
def test_rows_come_in_the_given_order_whatever_the_runs(runs):
    parts = list(batches(PART, 2, CPU.device, [np.array(run, dtype=np.int64) for run in runs]))
    assert [batch.features.dense.flatten().tolist() for batch in parts] == [[6, 0], [3]]
    assert parts[0].features.ids.tolist() == [[12, 13], [0, 1]]


def test_bags_come_with_their_values():
    # Bag 0 is empty, 1 holds 5 and 6, 2 holds 7, 3 nothing.
    bags = Bags(np.array([0, 0, 2, 3, 3]), np.array([5, 6, 7], dtype=np.int32))
    ids = np.array([[1, 1], [2, 0], [3, 2], [4, 3], [5, 1]], dtype=np.int32)
    part = Part(ids, np.zeros((5, 0), np.float32), np.zeros((5, 1), np.float32), {1: bags})
    found = take(part, np.array([4, 1, 2, 0, 3]), CPU.device).features
    assert found.ids.tolist() == [[5], [2], [3], [1], [4]]
    (bag,) = found.bags
    assert bag.values.tolist() == [5, 6, 7, 5, 6]
    assert bag.starts.tolist() == [0, 2, 2, 3, 5]
    assert bag.values.dtype == bag.starts.dtype == torch.int64


@pytest.fixture
def windows(monkeypatch):
    """Return a function that sets the sizes of blocks and windows."""

    def windows(block, window):
        for module in (rows_of_parts, lists):
            monkeypatch.setattr(module, "BLOCK", block)
            monkeypatch.setattr(module, "WINDOW", window)

    return windows


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 100])
def test_shuffling_by_windows_gives_every_row_once(windows, rows):
    windows(4, 32)
    found = list(shuffled_rows(rows, np.random.default_rng(0)))
    assert sorted(np.concatenate(found)) == list(range(rows))
    assert max(map(len, found)) <= 32


def test_a_window_reads_whole_blocks_from_all_over_the_data(windows):
    windows(4, 32)
    first = next(shuffled_rows(4000, np.random.default_rng(0)))
    blocks, counts = np.unique(first // 4, return_counts=True)
    assert counts.tolist() == [4] * 8
    assert blocks.max() - blocks.min() > 500
    assert not np.array_equal(first, np.sort(first))


def test_the_next_is_made_while_one_is_used_and_no_more_and_its_error_is_raised():
    made, second = [], threading.Event()

    def items():
        for number in range(3):
            made.append(number)
            if number == 1:
                second.set()
            yield number
        raise ValueError("gone")

    coming = ahead(items())
    assert next(coming) == 0
    assert second.wait(10)
    time.sleep(0.01)
    assert made == [0, 1]
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(ValueError, match="gone"):
        next(coming)


def test_who_stops_early_leaves_no_thread():
    before = threading.active_count()
    coming = ahead(iter(range(100)))
    next(coming)
    coming.close()
    assert threading.active_count() == before


def test_files_are_checked_before_each_batch(tmp_path):
    np.save(tmp_path / "dense.npy", PART.dense)
    part = replace(PART, dense=np.load(tmp_path / "dense.npy", mmap_mode="r"))
    whole = batches(part, 3, CPU.device)
    next(whole)
    os.truncate(tmp_path / "dense.npy", 0)
    with pytest.raises(ArtifactError, match=r"dense.npy: 0 bytes"):
        next(whole)


def part_of(rows, seed, longest=30, users=False):
    """Return rows whose id is their place, in lists of random lengths, some of them in none."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, longest + 1, rows)
    numbers = np.repeat(np.arange(1, rows + 1), lengths)[:rows]
    numbers[numbers % 10 == 0] = 0
    numbers = draw.permutation(numbers) if users else numbers
    columns = {"users" if users else "lists": numbers.astype(np.int32)}
    ids = np.arange(rows, dtype=np.int32)[:, None]
    return Part(ids, np.zeros((rows, 0), np.float32), np.zeros((rows, 1), np.float32), **columns)


def runs_of(part, chosen):
    """Return the lists of some rows in stored order, as a set of tuples of rows."""
    numbers = part.lists[chosen]
    cuts = np.flatnonzero((numbers[1:] != numbers[:-1]) | (numbers[1:] == 0)) + 1
    return {tuple(run.tolist()) for run in np.split(chosen, cuts)}


@pytest.mark.parametrize(("block", "window"), [(1 << 12, 1 << 20), (16, 128), (4, 8)])
@pytest.mark.parametrize("some", [False, True], ids=["all rows", "some rows"])
def test_no_list_is_cut_and_every_row_comes_once(windows, block, window, some):
    windows(block, window)
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


def test_a_window_has_lists_from_all_over_the_data(windows):
    windows(16, 128)
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
def test_users_are_together_within_a_window_and_those_with_many_rows_are_divided(windows, block, window):
    windows(block, window)
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


def passed(part, size, grouped=True, epoch=1):
    found = shuffled(part, Recipe(batch_size=size), 0, epoch, CPU, grouped=grouped)
    return [batch.features.ids[:, 0].tolist() for batch in found]


def test_batches_of_one_row_are_left_out():
    part = part_of(41, seed=0)
    part.lists[:] = np.repeat([1, 2, 3], [20, 20, 1])
    assert sorted(map(len, passed(part, 20))) in ([20, 20], [20, 21])
    assert [len(batch) for batch in passed(part, 20, grouped=False)] == [20, 20], "rows, in any batch"


def test_without_groups_batches_are_of_rows_and_each_epoch_has_its_order():
    part = part_of(100, seed=0)
    orders = [passed(part, 16, grouped=False, epoch=epoch) for epoch in (1, 2)]
    assert passed(Part(part.ids, part.dense, part.labels), 16) == orders[0]
    first, second = ([row for batch in order for row in batch] for order in orders)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
