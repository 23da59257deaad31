"""Stopped by a signal, commands go on to the same end, byte for byte, with histories and workers too."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from automtl_core.run_dir.facts import Environment
from automtl_core.run_dir.run import Run

SEARCH = ["search", "small.yaml", "--seed", "3"]
SAME = ("architecture.json", "metrics.jsonl", "result.json", "weights.safetensors")


@pytest.fixture
def prepared(here, finished):
    """Work where the data of the small search is prepared."""
    shutil.copytree(finished / "prepared", here / "prepared")
    return here


def check_goes_on(automtl, whole, line):
    """Check that the rest of the run `cut` is that of the run `whole`."""
    resumed = automtl("search", "--resume", "runs/cut")
    assert resumed.code == 0, resumed.err
    assert line not in resumed.err
    for name in SAME:
        assert Path("runs/cut", name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        ("warm-up 1:", signal.SIGTERM, 143),
        ("search 2:", signal.SIGHUP, 129),
        ("train 4:", signal.SIGINT, 130),
    ],
)
def test_a_stopped_search_goes_on(prepared, finished, automtl, stopped, line, number, code):
    ended = stopped(line, number, *SEARCH, "--name", "cut")
    assert ended.code == code, ended.err
    fix = "resume it: automtl search --resume runs/cut"
    assert ended.err.endswith(f"error: stopped by {number.name}\n  fix: {fix}\n")
    assert json.loads(Path("runs/cut/status.json").read_text())["state"] == "stopped"
    check_goes_on(automtl, finished / "runs/done", line)


def test_a_killed_search_says_how_to_go_on(prepared, automtl, start, stop_after):
    process = start([*SEARCH, "--name", "cut"])
    stop_after(process, "search 2:", signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    for command, code in (("evaluate runs/cut", 65), ("show runs/cut", 65), ("search --name cut", 73)):
        ended = automtl(*command.split())
        assert (ended.code, "automtl search --resume runs/cut" in ended.err) == (code, True)
    threads = {**Run.open(Path("runs/cut")).read(Environment).to_json(), "threads": 77, "earlier": ()}
    Run.open(Path("runs/cut")).write(Environment(**threads))
    ended = automtl("search", "--resume", "runs/cut")
    assert (ended.code, "threads was 77, is 1" in ended.err) == (65, True)
    assert automtl("search", "--resume", "runs/cut", "--anyway").code == 0


OWN = """
dataset: {name: synthetic, kind: history, rows: 1200}
features: {aggregates: [[user_id, hour]], history: [matches, last-1, attention]}
space: {name: desan, experts: 2, ops: [identity, mlp-8], embedding_dim: 4}
strategy: {name: pd-darts-entropy, warmup_epochs: 1, search_epochs: 1}
training: {epochs: 2, batch_size: 256, embedding_decay: 0.1}
"""


def test_a_stopped_search_with_histories_goes_on(here, automtl, stopped):
    Path("own.yaml").write_text(OWN)
    search = ("search", "own.yaml")
    assert automtl(*search, "--name", "whole").code == 0
    ended = stopped("search 2:", signal.SIGTERM, *search, "--name", "cut")
    assert ended.code == 143, ended.err
    check_goes_on(automtl, Path("runs/whole"), "warm-up 1:")


COMPARE = [
    "compare", "--models", "shared-bottom,mmoe", "--dataset", "synthetic", "--set", "dataset.rows=600",
    "--set", "training.batch_size=128", "--set", "training.min_positives=1", "--set", "features=ids",
    "--seeds", "1",
]  # fmt: skip


def workers_in(folder):
    """Return the worker processes with a working directory."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    pids = [line.split()[0] for line in listed.splitlines() if "automtl_engines.worker" in line]
    return [pid for pid in pids if os.path.realpath(f"/proc/{pid}/cwd") == os.path.realpath(folder)]


def test_a_comparison_is_stopped_with_its_workers_and_continues(
    automtl, start, stop_after, tmp_path, monkeypatch
):
    """Slow: processes start and are stopped while they train."""
    monkeypatch.chdir(tmp_path)
    long = [*COMPARE, "--set", "training.epochs=20", "--set", "training.patience=20"]
    process = start([*long, "--workers", "2"])
    said = stop_after(process, "train 2: AUC", signal.SIGINT)
    assert "error: stopped by SIGINT" in said
    assert "run the same command again" in said
    assert process.returncode == 130
    cells = [Run.open(path) for path in (tmp_path / "comparisons/synthetic/cells").iterdir()]
    assert "stopped" in {cell.status().state for cell in cells}
    assert not workers_in(tmp_path)
    ended = automtl(*long)
    assert ended.code == 0
    assert "cell 1 of 2: shared-bottom" in ended.err
    assert "train 20: AUC" in ended.err, "of the cell that goes on, also without workers"
