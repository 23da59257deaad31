"""Stopped by a signal, a search goes on to the same end, byte for byte."""

import json
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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, finished: Path, start: Start) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("small.yaml").write_text((finished / "small.yaml").read_text())
        process = start([*SEARCH, "--name", "whole"])
        assert process.wait(timeout=60) == 0
        process.communicate()
    return folder / "runs" / "whole"


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        ("warm-up 1:", signal.SIGTERM, 143),
        ("search 2:", signal.SIGHUP, 129),
        ("train 4:", signal.SIGINT, 130),
    ],
    ids=["terminated in the warm-up", "hung up in the search", "interrupted in the training"],
)
def test_a_stopped_search_goes_on(
    here: Path,
    uninterrupted: Path,
    start: Start,
    stop_after: StopAfter,
    line: str,
    number: signal.Signals,
    code: int,
) -> None:
    process = start([*SEARCH, "--name", "cut"])
    said = stop_after(process, line, number)
    assert process.returncode == code, said
    assert said.endswith(
        f"error: stopped by {number.name}\n  fix: resume it: automtl search --resume runs/cut\n"
    )
    assert json.loads(Path("runs/cut/status.json").read_text())["state"] == "stopped"
    resumed = start(["search", "--resume", "runs/cut"])
    _, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, err
    assert line not in err
    for name in SAME:
        assert Path("runs/cut", name).read_bytes() == (uninterrupted / name).read_bytes(), name


def test_a_killed_search_says_how_to_go_on(
    here: Path, automtl: Any, start: Start, stop_after: StopAfter
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
