"""The commands on the device, and the run of a GPU on a machine without one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from automtl_cli.app import run
from automtl_cli.errors import Stop

pytestmark = pytest.mark.gpu
SMALL = """
dataset: {name: synthetic, rows: 600}
features: ids
space: {embedding_dim: 4, experts: 2, expert_layers: [8], tower_layers: [4], dropout: 0.0}
training: {epochs: 2, batch_size: 200, embedding_decay: 0.01, min_positives: 5}
"""
DATA = ["--config", "small.yaml"]


def test_a_run_of_the_device_is_used_there_and_without_it(flag, pins, tmp_path, monkeypatch, capsys):
    def automtl(*words: str) -> str:
        code = run(words, Stop())
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    def predicted(output: str) -> np.ndarray:
        automtl("predict", "runs/mine", "--input", "rows.csv", "--output", output)
        return pd.read_csv(output).to_numpy()

    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    automtl("train", "--model", "mmoe", *DATA, "--device", flag, "--name", "mine")
    assert json.loads(Path("runs/mine/environment.json").read_text())["device"] != "cpu"
    assert pins, "batches were copied to the device"
    assert "exactly" in automtl("evaluate", "runs/mine")
    automtl("data", "export", "synthetic", *DATA, "--out", "rows.csv")
    there = predicted("there.csv")
    assert there.shape == (600, 4)
    automtl("export", "runs/mine", "--format", "torch", "--out", "exported")
    monkeypatch.undo()  # also of the simulated device in place of a GPU
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = Path("runs/mine/config.yaml")
    config.write_text(config.read_text().replace("device: auto", "device: cuda"))
    assert "device: cuda" in config.read_text()
    assert np.allclose(predicted("here.csv"), there, atol=1e-4)
