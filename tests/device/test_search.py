"""Searches and commands on the device."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from stopping import Reports

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler

from .problems import EVERYTHING, PLAIN, REGISTRY, problem

pytestmark = pytest.mark.gpu
SHORT = {"rung_epochs": 1}
SETTINGS = {
    "darts": {"epochs": 1, "order": "second"},
    "pd-darts": {**SHORT, "epochs": 1, "rounds": 2},
    "pd-darts-entropy": {"warmup_epochs": 1, "search_epochs": 2, "fix_per_epoch": 4},
    "random": {"candidates": 2, **SHORT},
}


@pytest.mark.parametrize("held", [True, False], ids=["a path", "sampled bits"])
def test_a_step_of_a_supernet_does_not_wait_for_the_device(held, compute, pins, no_waits):
    relaxed = RelaxedSearch(problem("desan", EVERYTHING, compute), Softmax())
    random = np.random.default_rng(0)
    epoch = relaxed.begin("search", EventHandler())
    for number, batch in enumerate(epoch):
        path = relaxed.supernet.path(random) if held else {}
        with no_waits() if number == 1 else nullcontext(), relaxed.supernet.following(path):
            epoch.add(relaxed.step(batch), batch)
    assert number == 2


@pytest.mark.parametrize("name", REGISTRY.names(STRATEGIES))
def test_every_strategy(name, compute, pins):
    cls = REGISTRY.get(STRATEGIES, name)
    first, found = [], []
    for one in (compute, CPU):
        torch.default_generator.manual_seed(0)
        made = problem("desan", PLAIN, one)
        watch = Reports()
        found.append(cls(cls.settings_class.parse(SETTINGS[name], "strategy"), made).search(watch))
        first.append(watch.reports[0])
    ours, theirs = found
    assert first[0].losses == pytest.approx(first[1].losses, rel=2e-3)
    assert ours.architecture.decisions.keys() == theirs.architecture.decisions.keys()
    assert ours.epochs == theirs.epochs
    assert (ours.network is None) == (theirs.network is None)
    if ours.network is not None:
        assert all(p.device.type == compute.device.type for p in ours.network.parameters())


SMALL = """
dataset: {name: synthetic, rows: 600}
features: ids
space: {embedding_dim: 4, experts: 2, expert_layers: [8], tower_layers: [4], dropout: 0.0}
training: {epochs: 2, batch_size: 200, embedding_decay: 0.01, min_positives: 5}
"""
DATA = ["small.yaml"]


def test_a_run_of_the_device_is_used_there_and_without_it(compute, pins, tmp_path, monkeypatch, capsys):
    def automtl(*words):
        code = run(words, Stop())
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    def predicted(output):
        automtl("predict", "runs/mine", "rows.csv", "--out", output)
        return pd.read_csv(output).to_numpy()

    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    automtl("train", "--model", "mmoe", *DATA, "--set", "device=cuda", "--name", "mine")
    assert json.loads(Path("runs/mine/environment.json").read_text())["device"] != "cpu"
    assert pins, "batches were copied to the device"
    assert "exactly" in automtl("evaluate", "runs/mine")
    automtl("data", "export", "synthetic", *DATA, "--out", "rows.csv")
    there = predicted("there.csv")
    assert there.shape == (600, 4)
    automtl("export", "runs/mine", "--format", "torch", "--out", "exported")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "device: cuda" in Path("runs/mine/config.yaml").read_text()
    assert np.allclose(predicted("here.csv"), there, atol=1e-4)
