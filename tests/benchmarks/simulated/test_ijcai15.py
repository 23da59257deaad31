"""Simulated IJCAI-15: the quirks of the real files, and something to learn."""

from pathlib import Path

import pandas as pd
import pytest

from .samples import ROWS, dominance, learnable


@pytest.fixture(scope="module")
def log(folders: dict[str, Path]) -> pd.DataFrame:
    return pd.read_csv(folders["ijcai15"] / "data_format1/user_log_format1.csv", dtype=str)


def test_ijcai15_has_duplicates_and_blank_brands(log: pd.DataFrame) -> None:
    assert len(log) == ROWS["ijcai15"]
    assert log.duplicated().mean() == pytest.approx(0.23, abs=0.02)
    blank = log.isna().mean()
    assert 0.0005 < blank.pop("brand_id") < 0.005
    assert blank.sum() == 0


def test_ijcai15_has_days_without_leading_zero_in_no_order(log: pd.DataFrame) -> None:
    days = log["time_stamp"].astype(int)
    assert days.astype(str).equals(log["time_stamp"])
    assert days.between(511, 1112).all()
    assert (days % 100).between(1, 31).all()
    assert days.value_counts().index[0] == 1111
    assert days.groupby(log["user_id"]).apply(lambda times: times.is_monotonic_increasing).mean() < 0.1
    assert not log["user_id"].is_monotonic_increasing


def test_ijcai15_has_real_rates_and_zipf_ids(log: pd.DataFrame) -> None:
    rates = log["action_type"].value_counts(normalize=True)
    for action, rate in {"0": 0.884, "1": 0.0014, "2": 0.06, "3": 0.055}.items():
        assert rates[action] == pytest.approx(rate, rel=0.3)
    assert dominance(log["item_id"]) > 0.5
    assert dominance(log["brand_id"]) > 0.3


def test_ijcai15_knows_a_part_of_its_users(folders: dict[str, Path], log: pd.DataFrame) -> None:
    users = pd.read_csv(folders["ijcai15"] / "data_format1/user_info_format1.csv", dtype=str)
    assert users["user_id"].is_unique
    assert 0.3 < log["user_id"].isin(users["user_id"]).mean() < 0.7
    for column, unknown in {"age_range": "0", "gender": "2"}.items():
        assert users[column].isna().any()
        assert (users[column] == unknown).any()


def test_ijcai15_can_be_learnt(log: pd.DataFrame) -> None:
    keys = ["user_id", "item_id", "cat_id", "seller_id", "brand_id"]
    actions = pd.get_dummies(log["action_type"]).groupby([log[key] for key in keys]).max().reset_index()
    assert learnable(actions, keys, "2") > 0.62
    assert learnable(actions, keys, "3") > 0.62
