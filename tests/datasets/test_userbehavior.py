from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from automtl_core.data.prepare import prepare
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings

LOG = """\
a,1,x,pv,10
a,1,x,pv,10
a,1,x,buy,12
a,2,x,buy,12
a,3,y,cart,13
b,1,x,buy,14
b,1,z,fav,14
b,2,x,pv,15
c,2,x,buy,15
c,3,y,pv"""


def userbehavior(**settings: Any) -> UserBehavior:
    return UserBehavior(UserBehaviorSettings(**settings))


def test_actions_are_grouped_and_the_cut_line_is_left_out(rows_of: Callable[..., Any]) -> None:
    assert rows_of(userbehavior(min_buys=0), {"UserBehavior.csv": LOG}) == [
        ("a", "1", "x", 1, 1, 0, 0),
        ("a", "2", "x", 0, 1, 0, 0),
        ("a", "3", "y", 0, 0, 1, 0),
        ("b", "1", "x", 0, 1, 0, 0),
        ("b", "1", "z", 0, 0, 0, 1),
        ("b", "2", "x", 1, 0, 0, 0),
        ("c", "2", "x", 0, 1, 0, 0),
    ]


def test_buys_are_counted_before_anything_is_dropped(rows_of: Callable[..., Any]) -> None:
    # Only a buys twice; item 1 counts a's and b's buy, item 2 a's and c's, though b and c are dropped.
    assert rows_of(userbehavior(min_buys=2), {"UserBehavior.csv": LOG}) == [
        ("a", "1", "x", 1, 1, 0, 0),
        ("a", "2", "x", 0, 1, 0, 0),
    ]


def test_a_blank_action_drops_the_row(rows_of: Callable[..., Any]) -> None:
    log = "a,1,x,pv,1\na,2,x,,1\n,3,x,pv,1\n"
    assert rows_of(userbehavior(min_buys=0), {"UserBehavior.csv": log}) == [("a", "1", "x", 1, 0, 0, 0)]


def test_the_paper_asks_for_ten_buys() -> None:
    assert userbehavior().settings.min_buys == 10


def test_all_other_actions_come_after_the_click(tmp_path: Path) -> None:
    (tmp_path / "UserBehavior.csv").write_text("\n".join([*LOG.splitlines()[:-1]] * 3 + ["cut"]))
    tasks = prepare(userbehavior(min_buys=0), "userbehavior", tmp_path, tmp_path / "out").schema.tasks
    assert [(task.name, task.after) for task in tasks] == [
        ("click", None),
        ("buy", "click"),
        ("cart", "click"),
        ("favourite", "click"),
    ]


@pytest.mark.parametrize("least", [0, 1])
def test_the_real_sample(
    real_data: Path, tmp_path: Path, least: int, assert_prepared_as: Callable[..., None]
) -> None:
    dataset = userbehavior(min_buys=least)
    prepared = prepare(dataset, "userbehavior", real_data / "userbehavior", tmp_path)
    log = pd.read_csv(
        real_data / "userbehavior/UserBehavior.csv", dtype=str, names=[*dataset.sparse, "action", "time"]
    ).dropna()
    names = {"click": "pv", "buy": "buy", "cart": "cart", "favourite": "fav"}
    flags = log.assign(**{task: (log["action"] == action).astype(int) for task, action in names.items()})
    frame = flags.groupby(list(dataset.sparse), as_index=False)[list(names)].max()
    buys = [frame.groupby(key)["buy"].transform("sum") for key in ("user_id", "item_id")]
    assert_prepared_as(prepared, frame[(buys[0] >= least) & (buys[1] >= least)], dataset)
