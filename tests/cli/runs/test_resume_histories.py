"""A stopped search that reads histories and pretrained vectors goes on to the same end, byte for byte."""

import signal
from pathlib import Path

import pytest

SAME = ("architecture.json", "metrics.jsonl", "result.json", "weights.safetensors")
SETTINGS = """
dataset: {name: synthetic, rows: 1200, KIND}
features: {statistics: none, crosses: [], wide: false}
space: {name: desan, experts: 2, ops: [identity, mlp-8], embedding_dim: 4}
strategy: {name: pd-darts-entropy, warmup_epochs: 1, search_epochs: 1}
training: {epochs: 2, batch_size: 256, embedding_decay: 0.1}
"""
KINDS = {
    "histories": ("kind: history", "features.history=[matches,last-1,attention]"),
    "vectors": ("kind: cold", "features.history=[]"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_search_goes_on(here, automtl, stopped, kind):
    of_data, history = KINDS[kind]
    Path("own.yaml").write_text(SETTINGS.replace("KIND", of_data))
    search = ("search", "--config", "own.yaml", "--set", history)
    assert automtl(*search, "--name", "whole").code == 0
    ended = stopped("search 2:", signal.SIGTERM, *search, "--name", "cut")
    assert ended.code == 143, ended.err
    resumed = automtl("search", "--resume", "runs/cut")
    assert resumed.code == 0, resumed.err
    for name in SAME:
        assert Path("runs/cut", name).read_bytes() == Path("runs/whole", name).read_bytes(), name
