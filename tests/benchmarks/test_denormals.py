"""Blocks of steps with and without denormal numbers are timed in turns."""

from denormals import measured


def test_each_block_is_measured_in_both_ways() -> None:
    rows = measured(steps=4, block=2)
    assert [row["steps"] for row in rows] == [2, 4]
    for row in rows:
        assert row["times"] == row["denormal numbers, ms"] / row["zeros, ms"]
