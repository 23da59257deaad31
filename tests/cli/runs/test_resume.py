"""Stopped by a signal, commands go on to the same end, byte for byte."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from automtl_core.run_dir.facts import Environment, Status
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


def test_a_killed_search_says_how_to_go_on(prepared, automtl, stopped):
    stopped("search 2:", signal.SIGTERM, *SEARCH, "--name", "cut")
    Run.open(Path("runs/cut")).write(Status("running"))  # which a killed process leaves
    for command, code in (("evaluate runs/cut", 65), ("show runs/cut", 65), ("search --name cut", 73)):
        ended = automtl(*command.split())
        assert (ended.code, "automtl search --resume runs/cut" in ended.err) == (code, True)
    threads = {**Run.open(Path("runs/cut")).read(Environment).to_json(), "threads": 77, "earlier": ()}
    Run.open(Path("runs/cut")).write(Environment(**threads))
    ended = automtl("search", "--resume", "runs/cut")
    assert (ended.code, "threads was 77, is 1" in ended.err) == (65, True)
    assert automtl("search", "--resume", "runs/cut", "--anyway").code == 0


def test_a_stopped_comparison_goes_on(here, automtl, stopped):
    compare = ("compare", "small.yaml", "--models", "linear,mmoe", "--seeds", "1")
    ended = stopped("train 2:", signal.SIGINT, *compare)
    assert (ended.code, "run the same command again" in ended.err) == (130, True)
    again = automtl(*compare)
    assert again.code == 0
    assert "cell 2 of 2: mmoe" in again.err
    assert "train 1:" not in again.err
