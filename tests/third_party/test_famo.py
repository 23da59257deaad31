"""A balancer of thirty lines is found by its name, trains, has a state, and can be resumed."""

import json
from pathlib import Path

import torch

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.run_dir.run import Run
from automtl_core.system.state import load_state
from automtl_testing import check_balancer

from .famo import FAMO

SOURCE = (Path(__file__).parent / "famo.py").read_text()
TRAIN = [
    "train", "--model", "mmoe", "--set", "dataset={name: synthetic, rows: 1000}", "--set", "features=ids",
    "--set", "training={epochs: 2, batch_size: 200, embedding_decay: 0.01}",
]  # fmt: skip


def test_it_keeps_the_contract():
    check_balancer(FAMO)


def test_a_run_is_trained_with_it(install, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Run, "done", lambda run: False)  # else it removes the state of the balancer
    module = install(SOURCE, "famo")
    command = [*TRAIN, "--json", "--set"]
    results = {}
    for name in ("famo", "weighted-mean"):
        assert run([*command, f"training.balancer={name}", "--name", name], Stop()) == 0
        results[name] = json.loads(capsys.readouterr().out)["result"]["test"]
    assert results["famo"] != results["weighted-mean"]
    folder = tmp_path / "runs" / "famo"
    assert "name: famo" in (folder / "config.yaml").read_text()
    assert json.loads((folder / "environment.json").read_text())["plugins"]["famo"] == "1.5", module
    weights = load_state(folder / "checkpoint.safetensors")["state"]["balancer"]["w"]
    assert len(torch.unique(weights)) > 1
