import pandas as pd
import pytest

from automtl_core.dataset.dataset import names_of
from automtl_core.errors import DataError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings

LOG = """\
1,10,7,pv,10
1,10,7,pv,10
1,10,7,buy,12
1,20,7,buy,12
1,30,8,cart,13
2,10,7,buy,14
2,10,9,fav,-14
2,20,7,pv,15
3,20,7,buy,15
3,30,8,pv"""


def userbehavior(**settings):
    return UserBehavior(UserBehaviorSettings(**settings))


def test_actions_are_grouped_and_the_cut_line_is_left_out(rows_of):
    # Item 10 has two categories, and one time lies far before the nine days: both are as published.
    assert rows_of(userbehavior(min_buys=0), {"UserBehavior.csv": LOG}) == [
        (1, 10, 7, 1, 1, 0, 0),
        (1, 20, 7, 0, 1, 0, 0),
        (1, 30, 8, 0, 0, 1, 0),
        (2, 10, 7, 0, 1, 0, 0),
        (2, 10, 9, 0, 0, 0, 1),
        (2, 20, 7, 1, 0, 0, 0),
        (3, 20, 7, 0, 1, 0, 0),
    ]


def test_a_cut_line_is_left_out_at_the_end_only(rows_of):
    with pytest.raises(DataError, match=r"UserBehavior.csv:1: "):
        rows_of(userbehavior(), {"UserBehavior.csv": "1,10,7,pv\n" + LOG})


def test_buys_are_counted_before_anything_is_dropped(rows_of):
    # Only user 1 buys twice; item 10 counts the buys of users 1 and 2, item 20 those of 1 and 3.
    assert rows_of(userbehavior(min_buys=2), {"UserBehavior.csv": LOG}) == [
        (1, 10, 7, 1, 1, 0, 0),
        (1, 20, 7, 0, 1, 0, 0),
    ]


def test_a_blank_action_drops_the_row(rows_of):
    log = "1,10,7,pv,1\n1,20,7,,1\n,30,7,pv,1\n"
    assert rows_of(userbehavior(min_buys=0), {"UserBehavior.csv": log}) == [(1, 10, 7, 1, 0, 0, 0)]


def test_labels_and_buys_are_those_of_the_paper():
    assert userbehavior().settings.min_buys == 10
    dataset = userbehavior()
    after = {label.name: label.after for label in dataset.labels}
    assert after == {"click": None, **dict.fromkeys(("buy", "cart", "favourite"), "click")}


@pytest.mark.parametrize("least", [0, 1])
def test_the_real_sample(real_data, tmp_path, least, assert_prepared_as):
    dataset = userbehavior(min_buys=least)
    prepared = prepare(dataset, "userbehavior", real_data / "userbehavior", tmp_path)
    log = pd.read_csv(
        real_data / "userbehavior/UserBehavior.csv",
        dtype=str,
        names=[*names_of(dataset.layout.sparse), "action", "time"],
    ).dropna()
    names = {"click": "pv", "buy": "buy", "cart": "cart", "favourite": "fav"}
    flags = log.assign(**{task: (log["action"] == action).astype(int) for task, action in names.items()})
    frame = flags.groupby(names_of(dataset.layout.sparse), as_index=False)[list(names)].max()
    buys = [frame.groupby(key)["buy"].transform("sum") for key in ("user_id", "item_id")]
    assert_prepared_as(prepared, frame[(buys[0] >= least) & (buys[1] >= least)], dataset)
