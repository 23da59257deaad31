"""Runs and comparisons are read from their files alone."""

import json
import os
import time

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Search, Status
from automtl_core.run_dir.lock import locked
from automtl_core.run_dir.progress import Progress
from automtl_core.run_dir.run import Run
from automtl_core.run_dir.watched import CELLS, Watched, cells, idle_seconds, is_comparison, write_cells
from automtl_core.search.evidence import Evidence
from automtl_core.training.events import EpochEnded

RUNNING = Status("running")
REPORT = EpochEnded("train", 1, {"click": 0.5}, {})


@pytest.fixture
def run(tmp_path):
    return made(tmp_path / "run")


def made(path, status=RUNNING):
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("")
    run = Run(path)
    run.write(status)
    run.write_reports([REPORT.to_json()])
    return run


def test_a_run_at_work_has_its_progress_and_epochs(run):
    Progress(phase="train", epoch=2).write(run.path)
    with locked(run.path):
        state = Watched.of(run)
    assert state.running
    assert state.progress == Progress(phase="train", epoch=2)
    assert state.reports == (REPORT,)
    assert (state.in_words, state.ended) == ("running", False)


def test_a_run_whose_lock_is_free_has_stopped(run):
    state = Watched.of(run)
    assert (state.running, state.in_words) == (False, "stopped")
    assert state.status.error == "its process was killed"


def test_after_the_end_the_decisions_are_those_of_the_record(run):
    evidence = (Evidence("layer", "mlp-8", "chosen", "better"),)
    run.write(Search(evidence))
    run.write(Status("done"))
    state = Watched.of(run)
    assert state.progress is not None
    assert state.progress.decisions == evidence
    assert (state.in_words, state.done) == ("trained", False)


@pytest.mark.parametrize(("code", "ended"), [(3, True), (71, False)])
def test_only_a_diverged_run_has_ended_without_a_result(tmp_path, code, ended):
    assert Watched.of(made(tmp_path / "run", Status("failed", "no", code))).ended is ended


def test_a_comparison_lists_its_runs_in_order_also_those_that_wait(tmp_path):
    assert not is_comparison(tmp_path)
    write_cells(tmp_path, ["b", "a"])
    assert is_comparison(tmp_path)
    made(tmp_path / CELLS / "a", Status("done"))
    assert [(name, state and state.in_words) for name, state in cells(tmp_path)] == [
        ("b", None),
        ("a", "trained"),
    ]
    (tmp_path / "cells.json").unlink()
    assert [name for name, _ in cells(tmp_path)] == ["a"]


@pytest.mark.parametrize("content", ["", "{}", '{"cells": 3}', json.dumps({"cells": ["../outside"]})])
def test_a_damaged_list_is_an_error(tmp_path, content):
    (tmp_path / "cells.json").write_text(content)
    with pytest.raises(ArtifactError, match="damaged"):
        list(cells(tmp_path))


def test_a_comparison_is_idle_since_its_last_written_state(tmp_path):
    write_cells(tmp_path, ["a"])
    made(tmp_path / CELLS / "a")
    for path in (tmp_path / "cells.json", tmp_path / CELLS / "a" / "status.json"):
        os.utime(path, (time.time() - 100, time.time() - 100))
    assert 99 < idle_seconds(tmp_path) < 200
    Progress().write(tmp_path / CELLS / "a")
    assert idle_seconds(tmp_path) < 50
