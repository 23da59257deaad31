"""Stopped by a signal, a search goes on to the same end, byte for byte."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automtl_core.run_dir.facts import Environment
from automtl_core.run_dir.run import Run

Start = Callable[[list[str]], subprocess.Popen[str]]
StopAfter = Callable[[subprocess.Popen[str], str, signal.Signals], str]

SEARCH = ["search", "--config", "small.yaml", "--seed", "3"]
SAME = ("architecture.json", "metrics.jsonl", "result.json", "weights.safetensors")


@pytest.fixture
def prepared(here: Path, finished: Path) -> Path:
    """Work where the data of the small search is prepared."""
    shutil.copytree(finished / "prepared", here / "prepared")
    return here


def check_stopped(said: str, number: signal.Signals) -> None:
    assert said.endswith(
        f"error: stopped by {number.name}\n  fix: resume it: automtl search --resume runs/cut\n"
    )
    assert json.loads(Path("runs/cut/status.json").read_text())["state"] == "stopped"


def check_goes_on(automtl: Any, whole: Path, line: str) -> None:
    """Check that the rest of the run `cut` is that of the run `whole`."""
    resumed = automtl("search", "--resume", "runs/cut")
    assert resumed.code == 0, resumed.err
    assert line not in resumed.err
    for name in SAME:
        assert Path("runs/cut", name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [("warm-up 1:", signal.SIGTERM, 143), ("train 4:", signal.SIGINT, 130)],
    ids=["terminated in the warm-up", "interrupted in the training"],
)
def test_a_stopped_search_goes_on(
    prepared: Path,
    finished: Path,
    automtl: Any,
    stopped: Callable[..., Any],
    line: str,
    number: signal.Signals,
    code: int,
) -> None:
    ended = stopped(line, number, *SEARCH, "--name", "cut")
    assert ended.code == code, ended.err
    check_stopped(ended.err, number)
    check_goes_on(automtl, finished / "runs/done", line)


def test_a_search_that_hung_up_in_another_process_goes_on(
    prepared: Path, finished: Path, automtl: Any, start: Start, stop_after: StopAfter
) -> None:
    process = start([*SEARCH, "--name", "cut"])
    said = stop_after(process, "search 2:", signal.SIGHUP)
    assert process.returncode == 129, said
    check_stopped(said, signal.SIGHUP)
    check_goes_on(automtl, finished / "runs/done", "search 2:")


def test_a_killed_search_says_how_to_go_on(
    prepared: Path, automtl: Any, start: Start, stop_after: StopAfter
) -> None:
    process = start([*SEARCH, "--name", "cut"])
    stop_after(process, "search 2:", signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    for command, code in (("evaluate", 65), ("show", 65)):
        ended = automtl(command, "runs/cut")
        assert ended.code == code
        assert ended.err.endswith("  fix: resume the run: automtl search --resume runs/cut\n")
    ended = automtl(*SEARCH, "--name", "cut")
    assert ended.code == 73
    assert "or resume it: automtl search --resume runs/cut" in ended.err
    threads = {**Run.open(Path("runs/cut")).read(Environment).to_json(), "threads": 77, "earlier": ()}
    Run.open(Path("runs/cut")).write(Environment(**threads))
    ended = automtl("search", "--resume", "runs/cut")
    assert ended.code == 65
    assert "began in another environment: threads was 77, is 1" in ended.err
    assert "automtl search --resume runs/cut --anyway" in ended.err
    assert automtl("search", "--resume", "runs/cut", "--anyway").code == 0


def test_going_on_anyway_belongs_to_a_run(automtl: Any) -> None:
    ended = automtl(*SEARCH, "--anyway")
    assert (ended.code, "--anyway belongs to --resume" in ended.err) == (2, True)
