import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.data.part import Bags, Part
from automtl_core.errors import ArtifactError
from automtl_core.training import batches as module
from automtl_core.training.batches import ahead, batches, shuffled_rows, take

CPU = torch.device("cpu")
PART = Part(
    ids=np.arange(14, dtype=np.int32).reshape(7, 2),
    dense=np.arange(7, dtype=np.float32).reshape(7, 1),
    labels=np.ones((7, 3), dtype=np.float32),
)


def test_a_batch_has_the_types_of_the_model_and_all_rows_in_stored_order():
    parts = list(batches(PART, 3, CPU))
    assert [len(batch.labels) for batch in parts] == [3, 3, 1]
    assert torch.cat([batch.features.dense for batch in parts]).flatten().tolist() == list(range(7))
    features, labels, groups, weights = take(PART, np.array([1]), CPU)
    tensors = features.ids, features.dense, labels
    assert [tensor.dtype for tensor in tensors] == [torch.int64, torch.float32, torch.float32]
    assert [tensor.shape for tensor in tensors] == [(1, 2), (1, 1), (1, 3)]
    assert (features.bags, features.histories, groups(), weights) == ((), (), None, None)


def test_weights_are_0_where_the_label_is_missing():
    labels = np.array([[1, np.nan, 0]] * 7, np.float32)
    batch = take(replace(PART, labels=labels), np.array([1, 0]), CPU)
    assert batch.weights.tolist() == [[1, 0, 1]] * 2
    weights = np.arange(21, dtype=np.float32).reshape(7, 3)
    batch = take(replace(PART, labels=labels, weights=weights), np.array([1, 0]), CPU)
    assert batch.weights.tolist() == [[3, 0, 5], [0, 0, 2]]
    assert batch._replace(labels=torch.ones(2, 3)).weights.tolist() == [[3, 4, 5], [0, 1, 2]]


@pytest.mark.parametrize("runs", [[[6, 0, 3]], [[6], [0, 3]], [[6, 0], [], [3]]])
def test_rows_come_in_the_given_order_whatever_the_runs(runs):
    parts = list(batches(PART, 2, CPU, [np.array(run, dtype=np.int64) for run in runs]))
    assert [batch.features.dense.flatten().tolist() for batch in parts] == [[6, 0], [3]]
    assert parts[0].features.ids.tolist() == [[12, 13], [0, 1]]


def test_bags_come_with_their_values():
    # Bag 0 is empty, 1 holds 5 and 6, 2 holds 7, 3 nothing.
    bags = Bags(np.array([0, 0, 2, 3, 3]), np.array([5, 6, 7], dtype=np.int32))
    ids = np.array([[1, 1], [2, 0], [3, 2], [4, 3], [5, 1]], dtype=np.int32)
    part = Part(ids, np.zeros((5, 0), np.float32), np.zeros((5, 1), np.float32), {1: bags})
    found = take(part, np.array([4, 1, 2, 0, 3]), CPU).features
    assert found.ids.tolist() == [[5], [2], [3], [1], [4]]
    (bag,) = found.bags
    assert bag.values.tolist() == [5, 6, 7, 5, 6]
    assert bag.starts.tolist() == [0, 2, 2, 3, 5]
    assert bag.values.dtype == bag.starts.dtype == torch.int64


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 100])
def test_shuffling_by_windows_gives_every_row_once(monkeypatch, rows):
    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(module, "WINDOW", 32)
    windows = list(shuffled_rows(rows, np.random.default_rng(0)))
    assert sorted(np.concatenate(windows)) == list(range(rows))
    assert max(map(len, windows)) <= 32
    again = list(shuffled_rows(rows, np.random.default_rng(0)))
    assert all(np.array_equal(a, b) for a, b in zip(windows, again, strict=True))


def test_a_window_reads_whole_blocks_from_all_over_the_data(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(module, "WINDOW", 32)
    first = next(shuffled_rows(4000, np.random.default_rng(0)))
    blocks, counts = np.unique(first // 4, return_counts=True)
    assert counts.tolist() == [4] * 8
    assert blocks.max() - blocks.min() > 500
    assert not np.array_equal(first, np.sort(first))


def test_the_next_is_made_while_one_is_used_and_no_more():
    made = []

    def items():
        for number in range(5):
            made.append(number)
            yield number

    coming = ahead(items())
    assert next(coming) == 0
    for _ in range(1000):
        if len(made) == 2:
            break
        time.sleep(0.001)
    time.sleep(0.01)
    assert made == [0, 1]
    assert list(coming) == [1, 2, 3, 4]


def test_what_goes_wrong_ahead_is_raised():
    def items():
        yield 1
        raise ValueError("gone")

    coming = ahead(items())
    assert next(coming) == 1
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
    whole = batches(part, 3, CPU)
    next(whole)
    os.truncate(tmp_path / "dense.npy", 0)
    with pytest.raises(ArtifactError, match=r"dense.npy: 0 bytes"):
        next(whole)
