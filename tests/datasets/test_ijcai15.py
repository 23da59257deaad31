from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from automtl_core.data.prepare import prepare
from automtl_core.errors import DataError
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings

LOG = "data_format1/user_log_format1.csv"
USERS = "data_format1/user_info_format1.csv"
LOG_HEADER = "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n"

FILES = {
    LOG: LOG_HEADER
    + """\
1,10,c,s,b,829,0
1,10,c,s,b,829,0
1,10,c,s,b,830,2
1,11,c,s,,830,2
1,12,c,s,b,1111,3
2,10,c,s,b,1111,2
2,10,c,s,b2,1111,3
2,12,c,s,b,1111,2
3,12,c,s,b,1111,1
4,12,c,s,b,1111,0
""",
    USERS: "user_id,age_range,gender\n1,3,0\n2,0,\n3,,2\n",
}


def ijcai15(**settings: Any) -> IJCAI15:
    return IJCAI15(IJCAI15Settings(**settings))


def test_actions_are_grouped_and_users_joined(rows_of: Callable[..., Any]) -> None:
    assert rows_of(ijcai15(min_purchases=0), FILES) == [
        ("1", "10", "c", "s", "b", "3", "0", 1, 0),
        ("1", "12", "c", "s", "b", "3", "0", 0, 1),
        ("2", "10", "c", "s", "b", "unknown", "unknown", 1, 0),
        ("2", "10", "c", "s", "b2", "unknown", "unknown", 0, 1),
        ("2", "12", "c", "s", "b", "unknown", "unknown", 1, 0),
        ("3", "12", "c", "s", "b", "unknown", "unknown", 0, 0),
        ("4", "12", "c", "s", "b", "unknown", "unknown", 0, 0),
    ]


def test_purchases_are_counted_before_anything_is_dropped(rows_of: Callable[..., Any]) -> None:
    # User 1 has one purchase, as the other lacks a brand; item 10 has two, one of them of user 1.
    assert rows_of(ijcai15(min_purchases=2), FILES) == [
        ("2", "10", "c", "s", "b", "unknown", "unknown", 1, 0),
        ("2", "10", "c", "s", "b2", "unknown", "unknown", 0, 1),
    ]


def test_the_threshold_is_named_when_no_row_is_left(tmp_path: Path) -> None:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(DataError, match="dataset ijcai15: no rows are left") as error:
        prepare(ijcai15(), "ijcai15", tmp_path, tmp_path / "out")
    assert error.value.fix == "lower min_purchases (now 10)"


@pytest.mark.parametrize("least", [0, 1])
def test_the_real_sample(
    real_data: Path, tmp_path: Path, least: int, assert_prepared_as: Callable[..., None]
) -> None:
    dataset, folder = ijcai15(min_purchases=least), real_data / "ijcai15"
    prepared = prepare(dataset, "ijcai15", folder, tmp_path)
    log, users = (pd.read_csv(folder / path, dtype=str) for path in (LOG, USERS))
    log = log.dropna()
    flags = log.assign(
        purchase=(log["action_type"] == "2").astype(int), favourite=(log["action_type"] == "3").astype(int)
    )
    frame = flags.groupby(list(dataset.sparse[:5]), as_index=False)[list(dataset.tasks)].max()
    counts = [frame.groupby(key)["purchase"].transform("sum") for key in ("user_id", "item_id")]
    frame = frame[(counts[0] >= least) & (counts[1] >= least)].merge(users, "left", "user_id")
    frame["age_range"] = frame["age_range"].replace("0", None).fillna("unknown")
    frame["gender"] = frame["gender"].replace("2", None).fillna("unknown")
    assert_prepared_as(prepared, frame, dataset)
