"""Commands with workers: the same results, lines of progress that say whose they are, and no process left."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automtl_core.run_dir.run import Run

Automtl = Callable[..., Any]
COMPARE = [
    "compare", "--models", "shared-bottom,mmoe", "--dataset", "synthetic", "--set", "dataset.rows=600",
    "--set", "training.batch_size=128", "--set", "training.min_positives=1", "--set", "features=ids",
    "--seeds", "1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--workers", "0"], "--workers"),
        (["--workers", "2", "--engine", "rays"], "no engine is called 'rays' (did you mean 'ray'?)"),
        (["--workers", "2", "--address", "auto"], "engine.address is not a setting"),
        (["--workers", "2", "--set", "engine.thread=1"], "engine.thread is not a setting"),
    ],
)
def test_wrong_options_are_errors(automtl: Automtl, tmp_path: Path, options: list[str], text: str) -> None:
    ended = automtl(*COMPARE, "--out", str(tmp_path / "out"), *options)
    assert ended.code == 2
    assert text in ended.err


def workers_in(folder: Path) -> list[str]:
    """Return the worker processes with a working directory."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    pids = [line.split()[0] for line in listed.splitlines() if "automtl_engines.worker" in line]
    return [pid for pid in pids if os.path.realpath(f"/proc/{pid}/cwd") == os.path.realpath(folder)]


def test_a_comparison_is_stopped_with_its_workers_and_continues(
    automtl: Automtl, start: Any, stop_after: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    long = [*COMPARE, "--set", "training.epochs=10", "--set", "training.patience=10", "--workers", "2"]
    process = start(long)
    said = stop_after(process, "| cell 2 of 2 | train 2: AUC", signal.SIGINT)
    assert "error: stopped by SIGINT" in said
    assert "run the same command again" in said
    assert process.returncode == 130
    cells = [Run.open(path) for path in (tmp_path / "comparisons/synthetic/cells").iterdir()]
    assert "stopped" in {cell.status().state for cell in cells}
    assert not workers_in(tmp_path)
    ended = automtl(*long)
    assert ended.code == 0
    assert "cell 1 of 2: shared-bottom" in ended.err
    assert "| train 10: AUC" in ended.err, "of the cell that goes on, with its name while both are at work"
