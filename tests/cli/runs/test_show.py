"""What a search found, why, and what else there was; another point is picked."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from automtl_core.evidence import Point
from automtl_core.runs.facts import Search
from automtl_core.runs.run import Run

Automtl = Callable[..., Any]


@pytest.fixture
def told(finished: Path, here: Path) -> Run:
    """Return a finished run whose search has told what it could."""
    shutil.copytree(finished, here, dirs_exist_ok=True)
    run = Run.open(Path("runs/done"))
    found = dict(run.architecture().decisions)
    taken = Point("evolution 3", found, 0.5, 0.0, 0.8210, 40_000, 90_000, trained=True, chosen=True)
    closed = found | {"layer0/expert0/single": ()}
    cheap = Point("shared-bottom", closed, 0.52, 0.001, 0.8105, 9_000, 70_000, trained=False)
    dear = replace(taken, name="mmoe", loss=0.51, score=0.8190, flops_per_row=270_000, chosen=False)
    run.write(Search((), (cheap, taken, dear)))
    return run


def test_a_point_is_picked_by_its_number(automtl: Automtl, told: Run) -> None:
    options = ("--config", "common.yaml", "--dry-run", "--json")
    Path("common.yaml").write_text("dataset: {name: synthetic, rows: 1000}\n")
    picked = automtl("train", "--model", told.path, "--pick", "1", *options).json()
    assert picked["config"]["decisions"]["layer0/expert0/single"] == []
    assert picked == automtl("train", "--model", f"{told.path}@1", *options).json()


def test_a_point_that_is_not_there(automtl: Automtl, told: Run) -> None:
    ended = automtl("train", "--model", told.path, "--pick", "4")
    assert ended.code == 2
    assert "runs/done@4: the run has no such point" in ended.err
    assert "1 (shared-bottom, 9,000 FLOPs a row), 2 (evolution 3, 40,000" in ended.err
    assert automtl("train", "--resume", told.path, "--pick", "1").code == 2
