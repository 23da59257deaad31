"""Simulated UserBehavior: the quirks of the real file, and something to learn."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings
from simulated import userbehavior
from simulated.draws import CHUNK

from .samples import ROWS, dominance, learnable

BEHAVIOURS = {"pv": 0.886, "cart": 0.055, "buy": 0.03, "fav": 0.028}
FIRST_DAY, LAST_DAY = 1_511_539_200, 1_512_316_800


@pytest.fixture(scope="module")
def behaviour(folders: dict[str, Path]) -> pd.DataFrame:
    columns = ["user", "item", "category", "behaviour", "timestamp"]
    return pd.read_csv(folders["userbehavior"] / "UserBehavior.csv", names=columns)


def test_userbehavior_ends_in_a_cut_line(folders: dict[str, Path]) -> None:
    text = (folders["userbehavior"] / "UserBehavior.csv").read_text()
    *whole, last = text.split("\n")
    assert len(whole) == ROWS["userbehavior"] - 1
    assert {line.count(",") for line in whole} == {4}
    assert last.count(",") == 3
    assert last.rsplit(",", 1)[1] in BEHAVIOURS


def test_userbehavior_has_users_in_the_order_of_text_and_their_rows_in_that_of_time(
    behaviour: pd.DataFrame,
) -> None:
    users = behaviour["user"].astype(str)
    assert users.is_monotonic_increasing
    assert not behaviour["user"].is_monotonic_increasing
    assert (
        behaviour.groupby("user")["timestamp"]
        .apply(lambda times: times.dropna().is_monotonic_increasing)
        .all()
    )


def test_userbehavior_has_stray_times(behaviour: pd.DataFrame) -> None:
    times = behaviour["timestamp"].dropna()
    assert (times < 31_536_000).sum() == 1  # one in 1970
    assert 2 <= (times < FIRST_DAY).sum() < 0.001 * len(times)
    assert times.max() < LAST_DAY
    assert (times // 86_400).nunique() > 9


def test_userbehavior_has_few_items_of_two_categories(behaviour: pd.DataFrame) -> None:
    categories = behaviour.groupby("item")["category"].nunique()
    assert set(categories) == {1, 2}
    assert (categories == 2).sum() <= 3


def test_userbehavior_has_zipf_ids_and_real_rates(behaviour: pd.DataFrame) -> None:
    rates = behaviour["behaviour"].value_counts(normalize=True)
    for name, rate in BEHAVIOURS.items():
        assert rates[name] == pytest.approx(rate, rel=0.15)
    assert dominance(behaviour["user"]) > 0.25
    assert dominance(behaviour["item"]) > 0.5


def test_userbehavior_can_be_learnt(behaviour: pd.DataFrame) -> None:
    keys = ["user", "item", "category"]
    flags = (
        pd.get_dummies(behaviour["behaviour"]).groupby([behaviour[key] for key in keys]).max().reset_index()
    )
    for task in BEHAVIOURS:
        assert learnable(flags, keys, task) > 0.62
    assert flags.loc[flags["buy"], "pv"].mean() > 0.5  # most buys come after a view


def test_userbehavior_keeps_rows_of_active_users_and_items(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    userbehavior.simulate(tmp_path / "raw", 200_000, 1)
    strict = UserBehavior(UserBehaviorSettings())
    prepared = prepare(strict, "userbehavior", tmp_path / "raw", tmp_path / "prepared")
    assert sum(prepared.manifest["rows"].values()) > 2500


def test_userbehavior_is_written_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def write(path: Path, frames: Any, header: bool) -> None:
        sizes.extend(len(frame) for frame in frames)
        path.write_text("a,b")

    monkeypatch.setattr(userbehavior, "write_csv", write)
    userbehavior.simulate(tmp_path, 3 * CHUNK, 0)
    assert sum(sizes) == 3 * CHUNK
    assert len(sizes) >= 3
    assert max(sizes) < 1.1 * CHUNK
