import hashlib

import pytest

from automtl_datasets.synthetic.pairs import Pairs


@pytest.fixture(scope="module")
def frame():
    return Pairs(0, Pairs.rows).frame()


def test_shared_fields_pull_the_groups_apart(frame):
    rates = frame.groupby("appeal")[list(Pairs.tasks())].mean().corr()
    assert rates.loc["click", "like"] > 0.9
    assert rates.loc["skip", "hide"] > 0.9
    assert rates.loc["click", "skip"] < -0.9
    assert frame["dense_signal"].corr(frame["click"]) > 0.1
    assert frame["dense_signal"].corr(frame["skip"]) < -0.1


def test_rows_are_those_of_every_version():
    text = Pairs(1, 3000).frame().to_csv(index=False, float_format="%.6g")
    digest = "e6decc901134ac85b3522af1e80e533736365370f04b20ecd773f866343019af"
    assert hashlib.sha256(text.encode()).hexdigest() == digest
