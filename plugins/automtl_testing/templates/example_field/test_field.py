from pathlib import Path

import numpy as np
from automtl_testing import check_field_kind

from example_field.field import HourEncoder, HourOfDay

DAY = 24 * 3600


def test_contract(tmp_path: Path) -> None:
    seconds = [0.0, 3599.0, 3600.0, None, DAY - 1.0, DAY + 7200.0, -1.0, 1.7e9, 1.8e9, 5.5] * 3
    check_field_kind(HourOfDay("hour", "seconds"), {"seconds": seconds}, tmp_path)


def test_hours_begin_at_id_1() -> None:
    seconds = np.array([0.0, 3600.0, DAY - 1.0, DAY, np.nan])
    assert HourEncoder("seconds").encode(seconds).tolist() == [1, 2, 24, 1, 0]
