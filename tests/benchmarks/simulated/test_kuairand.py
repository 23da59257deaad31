"""Simulated KuaiRand: the quirks of the real files, and something to learn."""

from pathlib import Path

import pandas as pd
import pytest

from automtl_core.dataset.dataset import names_of
from automtl_datasets.kuairand import LOG, USERS, VIDEOS, KuaiRand

from .samples import ROWS, dominance, learnable

RANDOM = "log_random_4_22_to_5_08_pure"
STANDARD = ("log_standard_4_08_to_4_21_pure", "log_standard_4_22_to_5_08_pure")


@pytest.fixture(scope="module")
def kuairand(folders: dict[str, Path]) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_csv(path) for path in (folders["kuairand"] / "data").iterdir()}


def test_kuairand_has_all_columns_and_rows(kuairand: dict[str, pd.DataFrame]) -> None:
    assert tuple(kuairand["user_features_pure"]) == USERS
    assert tuple(kuairand["video_features_basic_pure"]) == VIDEOS
    assert {tuple(kuairand[name]) for name in (RANDOM, *STANDARD)} == {LOG}
    assert len(kuairand[RANDOM]) == sum(len(kuairand[name]) for name in STANDARD) == ROWS["kuairand"]
    assert [set(kuairand[name]["is_rand"]) for name in (RANDOM, *STANDARD)] == [{1}, {0}, {0}]


def test_kuairand_has_quoted_commas_duplicates_and_blanks(
    folders: dict[str, Path], kuairand: dict[str, pd.DataFrame]
) -> None:
    users, videos = kuairand["user_features_pure"], kuairand["video_features_basic_pure"]
    text = (folders["kuairand"] / "data/user_features_pure.csv").read_text()
    assert '"[100,1k)"' in text
    assert ",500+," in text
    assert videos["tag"].str.contains(",").mean() > 0.1
    for name in (RANDOM, *STANDARD):
        assert kuairand[name].duplicated().mean() == pytest.approx(0.024, abs=0.005)
        assert not kuairand[name].isna().any(axis=None)
    assert (users["is_live_streamer"] == -124).mean() == pytest.approx(0.77, abs=0.05)
    blank = users.isna().sum()
    assert set(blank[blank > 0].index) == {f"onehot_feat{place}" for place in (4, 12, 13, 14, 15, 16, 17)}
    assert {"video_duration", "music_type", "tag"} >= set(videos.columns[videos.isna().any()]) > set()


def test_kuairand_has_ranges_that_fit_their_numbers(kuairand: dict[str, pd.DataFrame]) -> None:
    users = kuairand["user_features_pure"]
    for number, name, least, most in (
        ("follow_user_num", "(50,100]", 51, 100),
        ("fans_user_num", "[10,100)", 10, 99),
        ("friend_user_num", "250+", 250, 4995),
        ("register_days", "366-730", 366, 730),
    ):
        held = users[number].between(least, most)
        assert held.any()
        assert ((users[f"{number}_range"] == name) == held).all()


def test_kuairand_has_the_days_of_its_files(kuairand: dict[str, pd.DataFrame]) -> None:
    for name, first, last in ((RANDOM, 422, 508), (STANDARD[0], 408, 421), (STANDARD[1], 422, 508)):
        log = kuairand[name]
        moment = pd.to_datetime(log["time_ms"], unit="ms", utc=True).dt.tz_convert("Asia/Shanghai")
        assert (log["date"].min(), log["date"].max()) == (20220000 + first, 20220000 + last)
        assert (moment.dt.strftime("%Y%m%d").astype(int) == log["date"]).all()
        assert (moment.dt.hour * 100 == log["hourmin"]).all()


def test_kuairand_plays_fit_the_labels(kuairand: dict[str, pd.DataFrame]) -> None:
    log = kuairand[RANDOM]
    assert log.loc[log["long_view"] == 1, "is_click"].all()
    enough = log["duration_ms"].clip(upper=18_000).replace(0, 18_000)
    assert ((log["play_time_ms"] >= enough) == (log["long_view"] == 1)).all()


def test_kuairand_can_be_learnt(kuairand: dict[str, pd.DataFrame]) -> None:
    log = kuairand[RANDOM].drop_duplicates().merge(kuairand["video_features_basic_pure"], on="video_id")
    assert dominance(log["user_id"]) > 0.25
    assert dominance(log["video_id"]) < dominance(kuairand[STANDARD[0]]["video_id"]) > 0.4
    for task in names_of(KuaiRand.labels):
        assert 0.008 < log[task].mean() < 0.5
        assert learnable(log, ["user_id", "video_id", "tab", "tag"], task) > 0.6
