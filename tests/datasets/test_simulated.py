"""Simulated raw files: the layout of the real ones, their quirks, and something to learn."""

import csv
import gc
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.simulate import MARKER, simulate_into
from automtl_core.dataset import Dataset, names_of
from automtl_core.training.metrics import auc
from automtl_datasets.aliccp import SPARSE, AliCCP, AliCCPSettings
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings
from automtl_datasets.kuairand import LOG, USERS, VIDEOS, KuaiRand, KuaiRandSettings
from automtl_datasets.qb_video import QBVideo, QBVideoSettings
from automtl_datasets.simulated import aliccp, userbehavior
from automtl_datasets.simulated.draws import CHUNK
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings

DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "userbehavior": lambda: UserBehavior(UserBehaviorSettings(min_buys=1)),
    "ijcai15": lambda: IJCAI15(IJCAI15Settings(min_purchases=1)),
    "kuairand": lambda: KuaiRand(KuaiRandSettings(log="both")),
    "qb-video": lambda: QBVideo(QBVideoSettings()),
    "aliccp": lambda: AliCCP(AliCCPSettings()),
}
ROWS = {"userbehavior": 50_000, "ijcai15": 50_000, "kuairand": 50_000, "qb-video": 50_000, "aliccp": 20_000}
every_dataset = pytest.mark.parametrize("name", DATASETS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return for each dataset the folder of its simulated files."""
    root = tmp_path_factory.mktemp("simulated")
    for name, dataset in DATASETS.items():
        simulate_into(dataset(), name, root / name, ROWS[name], 0)
    return {name: root / name for name in DATASETS}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(path: Path, separators: int) -> list[list[str]]:
    return [line.split(",", separators) for line in path.read_text().splitlines()]


def dominance(values: pd.Series) -> float:
    """Return how often the commonest tenth of the values occurs; 0.1 if all are as frequent."""
    counts = values.value_counts()
    return float(counts.iloc[: max(1, len(counts) // 10)].sum() / counts.sum())


def learnable(frame: pd.DataFrame, fields: list[str], task: str) -> float:
    """Return the AUC on one half of the rows of the log-odds of the other half's values, added up."""
    known = np.random.default_rng(0).random(len(frame)) < 0.5
    train, test = frame[known], frame[~known]
    rate, score = train[task].mean(), np.zeros(len(test))
    for field in fields:
        values = train.groupby(field)[task].agg(["sum", "count"])
        rates = ((values["sum"] + 20 * rate) / (values["count"] + 20)).reindex(test[field]).fillna(rate)
        score += np.log(rates / (1 - rates)).to_numpy()
    return auc(test[task].to_numpy(), score) or 0.0


@every_dataset
def test_the_same_seed_makes_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder, seed in (("one", 3), ("same", 3), ("other", 4)):
        (tmp_path / folder).mkdir()
        DATASETS[name]().simulate(tmp_path / folder, 1500, seed)
    one, same, other = (content(tmp_path / folder) for folder in ("one", "same", "other"))
    assert one == same
    assert one.keys() == other.keys()
    assert all(one[path] != other[path] for path in one)


@every_dataset
def test_files_are_as_declared(folders: dict[str, Path], name: str) -> None:
    declared = DATASETS[name]().files().values()
    found = []
    for file in declared:
        [path] = folders[name].glob(file.path)
        found.append(path)
        with path.open(newline="") as opened:
            records = list(csv.reader(opened))
        if file.header:
            assert records.pop(0) == list(file.columns)
        if file.cut_tail:
            assert len(records.pop()) == len(file.columns) - 1
        for values, column in zip(zip(*records, strict=True), file.columns.values(), strict=True):
            given = set(values) - {""}
            assert not column.among or given <= set(column.among)
            if column.kind == "integer":
                assert all(value.lstrip("-").isdecimal() for value in given)
    assert {*found, folders[name] / MARKER} == {path for path in folders[name].rglob("*") if path.is_file()}
    assert not [path for path in found if b"\r" in path.read_bytes()]


@every_dataset
def test_what_is_prepared_is_marked(tmp_path: Path, name: str) -> None:
    simulate_into(DATASETS[name](), name, tmp_path / "raw", 4000, 0)
    prepared = prepare(DATASETS[name](), name, tmp_path / "raw", tmp_path / "prepared")
    assert prepared.manifest["simulated"] == {"dataset": name, "rows": 4000, "seed": 0}
    assert prepared.manifest["rejected"] == 0
    assert sum(prepared.manifest["rows"].values()) > 100


@every_dataset
def test_one_row_can_be_asked_for(tmp_path: Path, name: str) -> None:
    DATASETS[name]().simulate(tmp_path, 1, 0)


def test_headers_are_the_real_ones(real_data: Path, folders: dict[str, Path]) -> None:
    compared = 0
    for name in ("ijcai15", "kuairand"):
        for path in (real_data / name).rglob("*.csv"):
            with (
                path.open() as real,
                (folders[name] / path.relative_to(real_data / name)).open() as simulated,
            ):
                assert real.readline() == simulated.readline()
            compared += 1
    assert compared >= 6


# UserBehavior

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
    simulate_into(DATASETS["userbehavior"](), "userbehavior", tmp_path / "raw", 200_000, 1)
    strict = UserBehavior(UserBehaviorSettings())
    prepared = prepare(strict, "userbehavior", tmp_path / "raw", tmp_path / "prepared")
    assert sum(prepared.manifest["rows"].values()) > 2500


# IJCAI-15


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


# KuaiRand

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


# QB-video


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


# Ali-CCP

MULTI = {"210", "853", "109_14", "110_14", "127_14", "150_14"}
WEIGHED = {"853", "508", "509", "702", "109_14", "110_14", "127_14", "150_14"}
Sample = tuple[int, int, str, list[tuple[str, str, str]]]


def features(count: str, text: str) -> list[tuple[str, str, str]]:
    """Return field, id and number of each feature."""
    found = [tuple(feature.replace("\x02", "\x03").split("\x03")) for feature in text.split("\x01")]
    assert len(found) == int(count)
    assert all(len(feature) == 3 for feature in found)
    return found


@pytest.fixture(scope="module")
def aliccp_parts(folders: dict[str, Path]) -> dict[str, tuple[dict[str, Any], list[Sample]]]:
    """Return for each part the common features by their index, and the samples."""
    parts = {}
    for part in ("train", "test"):
        folder = folders["aliccp"] / f"sample_{part}"
        commons = lines(folder / f"common_features_{part}.csv", 2)
        skeleton = lines(folder / f"sample_skeleton_{part}.csv", 5)
        assert [int(line[0]) for line in skeleton] == list(range(1, len(skeleton) + 1))
        parts[part] = (
            {index: features(*rest) for index, *rest in commons},
            [(int(click), int(buy), index, features(*rest)) for _, click, buy, index, *rest in skeleton],
        )
        assert len(parts[part][0]) == len(commons)
    return parts


Parts = dict[str, tuple[dict[str, Any], list[Sample]]]


def test_aliccp_has_its_sizes(aliccp_parts: Parts) -> None:
    for part, rows in (("train", ROWS["aliccp"]), ("test", ROWS["aliccp"] // 4)):
        commons, samples = aliccp_parts[part]
        assert (len(commons), len(samples)) == (rows // 50, rows)
        assert {len(index) for index in commons} == {16}
        assert {index for _, _, index, _ in samples} <= set(commons)
        sizes = np.array([len(commons[index]) + len(own) for _, _, index, own in samples])
        assert sizes.mean() == pytest.approx(300, rel=0.1)
        assert sizes.std() > 50
    assert not set(aliccp_parts["train"][0]) & set(aliccp_parts["test"][0])


def test_aliccp_has_optional_and_multi_valued_fields_in_any_order(aliccp_parts: Parts) -> None:
    commons, samples = aliccp_parts["train"]
    for rows, sure in (([*commons.values()], {"101"}), ([own for *_, own in samples], {"205", "301"})):
        held = [{field for field, _, _ in row} for row in rows]
        every = set().union(*held)
        assert set.intersection(*held) - MULTI == sure
        assert (
            len({tuple(field for field, _, _ in row if field not in MULTI) for row in rows}) > len(rows) / 4
        )
        many = {f for row in rows for f in MULTI if sum(field == f for field, _, _ in row) > 1}
        assert many == MULTI & every
        assert all(sum(field == f for field, _, _ in row) <= 1 for row in rows[:200] for f in every - MULTI)


def test_aliccp_has_numbers_behind_ids(aliccp_parts: Parts) -> None:
    commons, samples = aliccp_parts["train"]
    numbers: dict[str, set[str]] = {}
    for row in [*commons.values(), *(own for *_, own in samples)]:
        for field, _, number in row:
            numbers.setdefault(field, set()).add(number)
    assert set(numbers) == set(SPARSE)
    for field, found in numbers.items():
        assert (found == {"1.0"}) == (field not in WEIGHED)
        assert all("." in number and 0 < float(number) < 10 for number in found)
        assert len(found) > 5 or field not in WEIGHED


def test_aliccp_has_few_purchases_without_click(aliccp_parts: Parts) -> None:
    for _, samples in aliccp_parts.values():
        illegal = sum(buy > click for click, buy, *_ in samples)
        assert illegal == len(samples) // 2000


def test_aliccp_can_be_learnt(aliccp_parts: Parts) -> None:
    commons, samples = aliccp_parts["train"]
    fields = ["101", "121", "205", "206"]
    rows = [
        {"click": click, "purchase": buy, **{field: value for field, value, _ in commons[index] + own}}
        for click, buy, index, own in samples
    ]
    frame = pd.DataFrame(rows)[[*fields, "click", "purchase"]].fillna("")
    assert frame["click"].mean() == pytest.approx(0.06, rel=0.25)
    assert frame["purchase"].mean() > 0.01
    assert dominance(frame["101"]) > 0.15
    assert dominance(frame["205"]) > 0.4
    for task in ("click", "purchase"):
        assert learnable(frame, fields, task) > 0.6


def test_aliccp_features_follow_the_setting(tmp_path: Path) -> None:
    aliccp.simulate(tmp_path, 2000, 0, features_per_row=40)
    counts = [int(row[1]) for row in lines(tmp_path / "sample_train/common_features_train.csv", 2)]
    assert np.mean(counts) == pytest.approx(27, rel=0.15)


# Memory


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


def test_the_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliccp, "LINES", 500)
    monkeypatch.setattr(aliccp, "VALUES", 5000)
    monkeypatch.setattr("automtl_datasets.simulated.draws.TYPICAL", 1000)
    peaks = []
    for rows in (1000, 4000):
        (tmp_path / str(rows)).mkdir()
        gc.collect()
        tracemalloc.start()
        aliccp.simulate(tmp_path / str(rows), rows, 0, features_per_row=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
