"""The board, generated problems, and simulated raw files with the quirks of the real files."""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy.special import stdtrit

from automtl_core.dataset.dataset import Dataset
from automtl_core.prepare.prepare import prepare
from automtl_core.tasks.builtin import auc
from automtl_datasets.aliccp import AliCCP, AliCCPSettings
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings
from automtl_datasets.kuairand import KuaiRand, KuaiRandSettings
from automtl_datasets.qb_video import QBVideo, QBVideoSettings
from automtl_datasets.synthetic.kind import oracle
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings
from automtl_testing.datasets import check_dataset
from board.read import Trainings, unpaired
from planted.dataset import KINDS, Planted, PlantedSettings
from simulated import SIMULATORS


def test_seeds_that_are_no_pairs_add_their_variances():
    def of(*scores):
        return Trainings(np.array(scores), np.zeros((len(scores), 5)))

    found = unpaired([(of(0.72, 0.74), of(0.70, 0.71, 0.72, 0.71), 0.0)])
    # variances of the means: .0002 / 2 and .0000667 / 4, with 1 and 3 degrees of freedom
    error = (0.0001 + 0.0000667 / 4) ** 0.5
    freedom = error**4 / (0.0001**2 + (0.0000667 / 4) ** 2 / 3)
    assert found.mean == pytest.approx(0.02)
    assert found.high - found.mean == pytest.approx(stdtrit(freedom, 0.975) * error, rel=1e-3)
    alone = unpaired([(of(0.73), of(0.71), 0.0001)] * 4)
    assert alone.high - alone.mean == pytest.approx(1.96 * (2 * 0.0001 / 4) ** 0.5, rel=1e-3)


def test_the_variance_over_trainings_is_without_that_of_rows():
    random = np.random.default_rng(0)
    by_unit = random.standard_normal((400, 300)) * 0.1 / 300**0.5  # an error of .1 by rows alone
    scores = random.standard_normal(400) * (0.1**2 + 0.2**2) ** 0.5
    found = [
        Trainings(*of).variance for of in zip(np.split(scores, 100), np.split(by_unit, 100), strict=True)
    ]
    assert np.mean(found) == pytest.approx(0.2**2, abs=0.012)
    assert Trainings(np.array([0.7]), by_unit[:1]).variance is None


DIGESTS = {
    "factors": "12596e7344d116f3ee27a9cf0ba0601489054a2af01dea87296c833f08fa5d7e",
    "numbers": "3aea42db69170599fdda1ab108491a09c0a9035abbad94eb3f137755f853e156",
    "rare": "a93112ba5c89a943a414e97aea0dbb568aa1603b68da0b5eb7904721fd30d190",
    "drift": "ca3cb19919579ed8773b203b4d29c2783eabfbe1962715ac576b85214fdb95b4",
    "cold": "2660eecb831f426e0e632b03249b5a1e57386bd48dc3680ce16557709b440b29",
    "keys": "7a450f804acc4c8dcf2aac90930b117a9d5d6e6903bd27a20d9646519fc1f130",
    "lists": "6a68961699b7f310ef5d6f959d320efd143469fd5e4d41649efb3827828c2c92",
}


@pytest.mark.parametrize("kind", DIGESTS)
def test_rows_are_those_of_the_results_and_keep_the_contract_of_datasets(kind, tmp_path):
    frame = KINDS[kind](1, 3000).frame()
    text = frame.to_csv(index=False, float_format="%.6g")
    assert hashlib.sha256(text.encode()).hexdigest() == DIGESTS[kind]
    for label in KINDS[kind].labels():
        best = auc(frame[label.name].to_numpy(np.float64), frame[oracle(label.name)].to_numpy())
        assert best is not None
        assert 0.7 < best < 0.95
    dataset = Planted(PlantedSettings(kind=kind, rows=3000))
    check_dataset(dataset, None, tmp_path)


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
def test_files_are_prepared_without_a_fault_and_end_as_the_real_ones(folders, name, tmp_path):
    dataset, folder = DATASETS[name](), folders[name]
    prepare(dataset, name, folder, tmp_path)
    paths = set()
    for file in dataset.files().values():
        (path,) = folder.glob(file.path)
        last = path.read_text().splitlines()[-1]
        assert (last.count(",") < len(file.columns) - 1) == file.cut_tail
        paths.add(path)
    assert paths == {path for path in folder.rglob("*") if path.is_file()}


def test_headers_are_the_real_ones(real_data, folders):
    compared = 0
    for name in ("ijcai15", "kuairand"):
        for path in (real_data / name).rglob("*.csv"):
            made = folders[name] / path.relative_to(real_data / name)
            with path.open() as real, made.open() as simulated:
                assert real.readline() == simulated.readline()
            compared += 1
    assert compared >= 6
