"""Generated problems of the results: their rows are those that were measured, and their truth acts."""

import hashlib

import numpy as np
import pytest

from automtl_core.tasks.builtin import auc
from automtl_datasets.synthetic.kind import oracle
from automtl_testing.datasets import check_dataset
from planted.dataset import KINDS, Planted, PlantedSettings

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
    prepared = check_dataset(dataset, None, tmp_path)
    assert prepared.manifest["truth"] == dataset.truth()
