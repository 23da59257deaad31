import numpy as np
import pytest

from automtl_core.data.sampling import counts_of, latest_rows, some_rows


@pytest.mark.parametrize("whole", [10_000, 10])
@pytest.mark.parametrize(("rows", "count"), [(1000, 1), (1000, 70), (1000, 999), (1000, 1000), (5, 9)])
def test_a_sample_has_distinct_rows_in_order(rows: int, count: int, whole: int) -> None:
    found = some_rows(rows, count, np.random.default_rng(0), whole)
    assert len(found) == min(rows, count)
    assert (np.diff(found) > 0).all()
    assert found[0] >= 0
    assert found[-1] < rows


def test_a_sample_of_few_rows_is_the_beginning_of_a_permutation() -> None:
    expected = np.sort(np.random.default_rng(3).permutation(np.arange(500))[:40])
    assert np.array_equal(some_rows(500, 40, np.random.default_rng(3)), expected)


def test_every_row_of_many_is_drawn_equally_often() -> None:
    random = np.random.default_rng(0)
    drawn = np.concatenate([some_rows(100, 7, random, whole=10) for _ in range(4000)])
    counts = np.bincount(drawn, minlength=100)
    assert abs(counts / 4000 - 0.07).max() < 0.02


@pytest.mark.parametrize("count", [1, 30, 31, 99, 100])
def test_the_latest_rows_are_the_last_of_a_stable_order(count: int) -> None:
    times = np.random.default_rng(0).integers(0, 12, 100).astype(np.int32)
    expected = np.sort(np.argsort(times, kind="stable")[-count:])
    assert np.array_equal(latest_rows(times, count), expected)


def test_ranks_are_counted() -> None:
    assert counts_of(np.array([0, 2, 2, 5], np.int32)).tolist() == [1, 0, 2, 0, 0, 1]
    assert counts_of(np.zeros(0, np.int32)).tolist() == []
