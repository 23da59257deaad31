"""Simulated QB-video: the quirks of the real file, and something to learn."""

from pathlib import Path

import pandas as pd
import pytest

from .samples import ROWS, dominance, learnable


@pytest.fixture(scope="module")
def videos(folders: dict[str, Path]) -> pd.DataFrame:
    return pd.read_csv(folders["qb-video"] / "QB-video.csv")


def test_qb_video_has_missing_categories_and_likes_without_click(videos: pd.DataFrame) -> None:
    assert len(videos) == ROWS["qb-video"]
    assert not videos.isna().any(axis=None)
    assert 0.002 < (videos["video_category"] == r"\N").mean() < 0.1
    for task in ("like", "follow"):
        assert 0 < ((videos[task] == 1) & (videos["click"] == 0)).mean() < videos[task].mean() / 4
    assert ((videos["watching_times"] > 0) == (videos["click"] == 1)).all()


def test_qb_video_has_one_block_a_user(videos: pd.DataFrame) -> None:
    assert videos["user_id"].is_monotonic_increasing
    assert videos.groupby("user_id")[["gender", "age"]].nunique().max(axis=None) == 1


def test_qb_video_can_be_learnt(videos: pd.DataFrame) -> None:
    assert dominance(videos["user_id"]) > 0.2
    assert dominance(videos["item_id"]) > 0.5
    for task, rate in {"click": 0.7, "follow": 0.01, "like": 0.02, "share": 0.01}.items():
        assert videos[task].mean() == pytest.approx(rate, rel=0.25)
        assert learnable(videos, ["user_id", "item_id", "video_category", "age"], task) > 0.6
