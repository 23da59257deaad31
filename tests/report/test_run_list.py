"""All runs of a folder, the best first; damaged and unfinished ones are listed with their reason."""

import json
import os
import shutil
import time

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Result, Search, Status
from automtl_core.run_dir.folders import locked
from automtl_core.run_dir.progress import Progress
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Evidence
from automtl_core.training.events import EpochEnded
from automtl_core.training.metrics import mean_over_tasks
from automtl_report.run_list import (
    CELLS,
    Summary,
    Watched,
    cells,
    idle_seconds,
    is_comparison,
    summaries,
    write_cells,
)
from tests.core.workflow.lines import begin, make_job, stopped

WORSE = {"training": {"epochs": 1, "min_positives": 1}, "strategy": {"name": "random", "candidates": 2}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two finished runs, one that was stopped, one that is damaged, and what is no run."""
    folder = tmp_path_factory.mktemp("shelf")
    job = make_job(folder, {"training": {"min_positives": 1}})
    begin(job, folder / "good")
    begin(make_job(folder, WORSE, {"strategy": {"rung_epochs": 1}}), folder / "worse")
    stopped(job, folder / "half", 2)
    shutil.copytree(folder / "good", folder / "hurt")
    (folder / "hurt" / "result.json").write_text("{}")
    (folder / "notes").mkdir()
    return folder


def test_the_best_is_first_and_those_without_a_score_are_last(folder):
    found = summaries(folder)
    names = [each.run.rpartition("/")[2] for each in found]
    scores = [each.validation for each in found if each.validation is not None]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2
    assert set(names[:2]) == {"good", "worse"}
    assert {each.run.rpartition("/")[2]: each.state for each in found} == {
        "good": "done", "worse": "done", "half": "stopped", "hurt": "damaged",
    }  # fmt: skip
    assert Summary.from_json(found[0].to_json(), "here") == found[0]


def test_a_finished_run_tells_model_score_and_costs(folder):
    told, result = summaries(folder)[0], Run.open(folder / "good").read(Result)
    assert (told.model, told.dataset, told.seed) == ("desan:pd-darts-entropy", "synthetic", 0)
    assert told.flops_per_row == result.flops_per_row
    assert told.scores == {task: m.values["auc"] for task, m in result.test.items()}
    assert told.score == mean_over_tasks(told.scores, result.test, 1)
    validation = {task: m.values["auc"] for task, m in result.validation.items()}
    assert told.validation == mean_over_tasks(validation, result.validation, 1) != told.score
    assert told.seconds > 0


def test_a_folder_that_is_no_run_hides_no_other(folder, tmp_path):
    shutil.copytree(folder / "good", tmp_path / "good")
    for name in ("fifo", "link", "folder"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "fifo" / "config.yaml")
    (tmp_path / "link" / "config.yaml").symlink_to("/etc/passwd")
    (tmp_path / "folder" / "config.yaml").mkdir()
    found = {each.run.rpartition("/")[2]: each.state for each in summaries(tmp_path)}
    assert found == {"good": "done", "fifo": "damaged", "link": "damaged", "folder": "damaged"}


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


def test_a_run_at_work_has_its_progress_and_one_whose_lock_is_free_has_stopped(run):
    Progress(phase="train", epoch=2).write(run.path)
    with locked(run.path):
        state = Watched.of(run)
    assert state.running
    assert state.progress == Progress(phase="train", epoch=2)
    assert state.reports == (REPORT,)
    assert (state.in_words, state.ended) == ("running", False)
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
    assert (state.in_words, state.ended) == ("trained", False)


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
