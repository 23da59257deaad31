"""The protocol of TechJam: rows and users of the test days, and scores of labels and of random orders."""

import sys
from pathlib import Path

import numpy as np
import pytest

from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import METRICS
from automtl_core.registry.plugins import load_registry

FOLDER = Path(__file__).parents[2] / "examples" / "techjam"


def test_the_preset_is_the_public_protocol(real_data, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from automtl_techjam import PRESET, PRIMARY, TechJam, TechJamSettings

    monkeypatch.delitem(sys.modules, "automtl_techjam")
    settings = {name: value for name, value in PRESET["dataset"].items() if name != "name"}
    dataset = TechJam(TechJamSettings.parse(settings))
    test = prepare(dataset, "techjam", real_data / "kuairand", tmp_path).part("test")
    labels, users = np.asarray(test.labels[:, 0], np.float64), test.groups
    assert (len(test), len(np.unique(users))) == (170_588, 23_875)
    registry = load_registry().adding(METRICS, "techjam", PRIMARY)
    auc, ndcg, primary = [registry.get(METRICS, name).compute for name in PRESET["metrics"]]
    assert auc(labels, labels, users).value == 1
    assert ndcg(labels, labels, users).value == pytest.approx(0.7289, abs=5e-5)
    assert primary(labels, labels, users).value == pytest.approx(0.8645, abs=5e-5)
    random = ndcg(labels, labels, users).by_user
    assert random.random == pytest.approx(0.4511, abs=random.spread)  # that of the kit is one random order
