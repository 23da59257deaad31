"""Simulated raw files: as declared, with the quirks of the real files, and something to learn."""

import csv
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Dataset, names_of
from automtl_core.tasks.builtin import auc
from automtl_datasets.aliccp import AliCCP, AliCCPSettings
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings
from automtl_datasets.kuairand import KuaiRand, KuaiRandSettings
from automtl_datasets.qb_video import QBVideo, QBVideoSettings
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings
from simulated import SIMULATORS

DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "userbehavior": lambda: UserBehavior(UserBehaviorSettings(min_buys=1)),
    "ijcai15": lambda: IJCAI15(IJCAI15Settings(min_purchases=1)),
    "kuairand": lambda: KuaiRand(KuaiRandSettings(log="both")),
    "qb-video": lambda: QBVideo(QBVideoSettings()),
    "aliccp": lambda: AliCCP(AliCCPSettings()),
}
ROWS = {"userbehavior": 50_000, "ijcai15": 50_000, "kuairand": 25_000, "qb-video": 25_000, "aliccp": 4_000}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return for each dataset the folder of its simulated files."""
    root = tmp_path_factory.mktemp("simulated")
    for name, simulate in SIMULATORS.items():
        (root / name).mkdir()
        simulate(root / name, ROWS[name], 0)
    return {name: root / name for name in SIMULATORS}


@pytest.mark.parametrize("name", DATASETS)
def test_the_same_seed_makes_the_same_bytes(tmp_path, name):
    made = []
    for folder, seed, rows in (("one", 3, 1500), ("same", 3, 1500), ("other", 4, 1500), ("row", 3, 1)):
        (tmp_path / folder).mkdir()
        SIMULATORS[name](tmp_path / folder, rows, seed)
        paths = [path for path in (tmp_path / folder).rglob("*") if path.is_file()]
        made.append({str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in paths})
    one, same, other, _ = made
    assert one == same
    assert one.keys() == other.keys()
    assert all(one[path] != other[path] for path in one)


@pytest.mark.parametrize("name", DATASETS)
def test_files_are_as_declared(folders, name):
    paths = []
    for file in DATASETS[name]().files().values():
        [path] = folders[name].glob(file.path)
        paths.append(path)
        with path.open(newline="") as opened:
            records = list(csv.reader(opened))
        if file.header:
            assert records.pop(0) == list(file.columns)
        if file.cut_tail:
            assert len(records.pop()) == len(file.columns) - 1
        for values, column in zip(zip(*records, strict=True), file.columns.values(), strict=True):
            texts = set(values) - {""}
            assert not column.among or texts <= set(column.among)
            if column.kind == "integer":
                assert all(value.lstrip("-").isdecimal() for value in texts)
    assert set(paths) == {path for path in folders[name].rglob("*") if path.is_file()}


def test_headers_are_the_real_ones(real_data, folders):
    compared = 0
    for name in ("ijcai15", "kuairand"):
        for path in (real_data / name).rglob("*.csv"):
            made = folders[name] / path.relative_to(real_data / name)
            with path.open() as real, made.open() as simulated:
                assert real.readline() == simulated.readline()
            compared += 1
    assert compared >= 6


def dominance(values):
    """Return how often the commonest tenth of the values occurs; 0.1 if all are as frequent."""
    counts = values.value_counts()
    return float(counts.iloc[: max(1, len(counts) // 10)].sum() / counts.sum())


def learnable(frame, fields, task):
    """Return the AUC on one half of the rows of the log-odds of the other half's values, added up."""
    known = np.random.default_rng(0).random(len(frame)) < 0.5
    train, test = frame[known], frame[~known]
    rate, score = train[task].mean(), np.zeros(len(test))
    for field in fields:
        values = train.groupby(field)[task].agg(["sum", "count"])
        rates = ((values["sum"] + 20 * rate) / (values["count"] + 20)).reindex(test[field]).fillna(rate)
        score += np.log(rates / (1 - rates)).to_numpy()
    return auc(test[task].to_numpy(), score) or 0.0


def test_userbehavior(folders):
    """The last line is cut, few times are stray, rows stand by the text of users, and ids are Zipf's."""
    path = folders["userbehavior"] / "UserBehavior.csv"
    assert path.read_text().rpartition("\n")[2].count(",") == 3
    columns = ["user", "item", "category", "behaviour", "timestamp"]
    log = pd.read_csv(path, names=columns)
    assert log["user"].astype(str).is_monotonic_increasing
    assert not log["user"].is_monotonic_increasing
    assert 2 <= (log["timestamp"] < 1_511_539_200).sum() < 0.001 * len(log)
    assert dominance(log["item"]) > 0.5
    flags = pd.get_dummies(log["behaviour"]).groupby([log[key] for key in columns[:3]]).max().reset_index()
    for task, rate in {"pv": 0.886, "cart": 0.055, "buy": 0.03, "fav": 0.028}.items():
        assert (log["behaviour"] == task).mean() == pytest.approx(rate, rel=0.15)
        assert learnable(flags, columns[:3], task) > 0.62


def test_ijcai15(folders):
    """There are duplicates and blank brands, days have no leading zero, and some users are unknown."""
    log = pd.read_csv(folders["ijcai15"] / "data_format1/user_log_format1.csv", dtype=str)
    users = pd.read_csv(folders["ijcai15"] / "data_format1/user_info_format1.csv", dtype=str)
    assert log.duplicated().mean() == pytest.approx(0.23, abs=0.02)
    assert 0.0005 < log["brand_id"].isna().mean() < 0.005
    assert log["time_stamp"].astype(int).astype(str).equals(log["time_stamp"])
    assert 0.3 < log["user_id"].isin(users["user_id"]).mean() < 0.7
    assert dominance(log["item_id"]) > 0.5
    keys = ["user_id", "item_id", "cat_id", "seller_id", "brand_id"]
    actions = pd.get_dummies(log["action_type"]).groupby([log[key] for key in keys]).max().reset_index()
    assert learnable(actions, keys, "2") > 0.62


def test_kuairand(folders):
    """There are quoted commas and duplicates; days and plays fit the other columns."""
    data = {path.stem: pd.read_csv(path) for path in (folders["kuairand"] / "data").iterdir()}
    log, users = data["log_random_4_22_to_5_08_pure"], data["user_features_pure"]
    videos = data["video_features_basic_pure"]
    assert videos["tag"].str.contains(",").mean() > 0.1
    assert '"[100,1k)"' in (folders["kuairand"] / "data/user_features_pure.csv").read_text()
    assert log.duplicated().mean() == pytest.approx(0.024, abs=0.005)
    assert (users["is_live_streamer"] == -124).mean() == pytest.approx(0.77, abs=0.05)
    moment = pd.to_datetime(log["time_ms"], unit="ms", utc=True).dt.tz_convert("Asia/Shanghai")
    assert (moment.dt.strftime("%Y%m%d").astype(int) == log["date"]).all()
    enough = log["duration_ms"].clip(upper=18_000).replace(0, 18_000)
    assert ((log["play_time_ms"] >= enough) == (log["long_view"] == 1)).all()
    rows = log.drop_duplicates().merge(videos, on="video_id")
    for task in names_of(KuaiRand.labels):
        assert learnable(rows, ["user_id", "video_id", "tab", "tag"], task) > 0.6


def test_qb_video(folders):
    """Some categories are missing, some likes are without click, and each user has one block."""
    videos = pd.read_csv(folders["qb-video"] / "QB-video.csv")
    assert 0.002 < (videos["video_category"] == r"\N").mean() < 0.1
    assert ((videos["watching_times"] > 0) == (videos["click"] == 1)).all()
    assert videos["user_id"].is_monotonic_increasing
    for task, rate in {"click": 0.7, "follow": 0.01, "like": 0.02, "share": 0.01}.items():
        assert videos[task].mean() == pytest.approx(rate, rel=0.25)
        assert learnable(videos, ["user_id", "item_id", "video_category", "age"], task) > 0.6


def test_aliccp(folders):
    """Rows refer to common features; fields are optional, in any order, and few purchases have no click."""
    folder = folders["aliccp"] / "sample_train"
    commons, skeleton = (
        [line.split(",", columns) for line in (folder / name).read_text().splitlines()]
        for name, columns in (("common_features_train.csv", 2), ("sample_skeleton_train.csv", 5))
    )
    assert {row[3] for row in skeleton} <= {row[0] for row in commons}
    assert sum(int(buy) > int(click) for _, click, buy, *_ in skeleton) == len(skeleton) // 2000
    orders = []
    for *_, count, text in skeleton:
        features = [feature.replace("\x02", "\x03").split("\x03") for feature in text.split("\x01")]
        assert len(features) == int(count)
        assert all(0 < float(number) < 10 for _, _, number in features)
        orders.append(tuple(field for field, *_ in features))
    assert len({*orders}) > len(orders) / 4
    assert {"205", "301"} <= set.intersection(*map(set, orders))
    sizes = {row[0]: int(row[1]) for row in commons}
    assert np.mean([sizes[row[3]] + int(row[4]) for row in skeleton]) == pytest.approx(300, rel=0.1)
