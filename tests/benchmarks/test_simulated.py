"""Simulated raw files: as declared, with the quirks of the real files, and something to learn."""

import csv
from collections.abc import Callable, Mapping

import pytest

from automtl_core.dataset.dataset import Dataset
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
        names = records.pop(0) if file.header else list(file.columns)
        assert names == list(file.columns) or (file.others and {*file.columns} < {*names})
        if file.cut_tail:
            assert len(records.pop()) == len(file.columns) - 1
        by_name = dict(zip(names, zip(*records, strict=True), strict=True))
        for values, column in ((by_name[name], column) for name, column in file.columns.items()):
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
