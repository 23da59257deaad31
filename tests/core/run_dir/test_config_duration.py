"""Durations as people write them."""

import pytest

from automtl_core.errors import UsageError
from automtl_core.run_dir.config import seconds_of


def test_times_are_read():
    assert [seconds_of(t) for t in ("90s", "90", "30m", "1h30m", "1.5h", "2m5s")] == [
        90,
        90,
        1800,
        5400,
        5400,
        125,
    ]
    for wrong in ("", "0s", "soon", "3 days", "-5m", "1m1h"):
        with pytest.raises(UsageError, match="--time-budget"):
            seconds_of(wrong)
