"""All runs of a folder, the best first; damaged and unfinished ones are listed with their reason."""

import os
import shutil

import pytest

from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.run_dir.run_list import Summary, _order, summaries, summary
from automtl_core.training.metrics import mean_over_tasks

from ..workflow.lines import begin, make_job, stopped

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
    told, result = summary(folder / "good"), Run.open(folder / "good").read(Result)
    assert (told.model, told.dataset, told.seed) == ("desan:pd-darts-entropy", "synthetic", 0)
    assert told.flops_per_row == result.flops_per_row
    assert told.scores == {task: m.values["auc"] for task, m in result.test.items()}
    assert told.score == mean_over_tasks(told.scores, result.test, 1)
    validation = {task: m.values["auc"] for task, m in result.validation.items()}
    assert told.validation == mean_over_tasks(validation, result.validation, 1) != told.score
    assert told.seconds > 0


def test_runs_are_ranked_by_validation_scores():
    """The order by test scores would be the opposite one."""
    runs = [
        Summary(name, "done", "d", score=1 - v, validation=v) for name, v in (("low", 0.2), ("high", 0.9))
    ]
    assert [each.run for each in sorted(runs, key=_order)] == ["high", "low"]


def test_a_folder_that_is_no_run_hides_no_other(folder, tmp_path):
    shutil.copytree(folder / "good", tmp_path / "good")
    for name in ("fifo", "link", "folder"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "fifo" / "config.yaml")
    (tmp_path / "link" / "config.yaml").symlink_to("/etc/passwd")
    (tmp_path / "folder" / "config.yaml").mkdir()
    found = {each.run.rpartition("/")[2]: each.state for each in summaries(tmp_path)}
    assert found == {"good": "done", "fifo": "damaged", "link": "damaged", "folder": "damaged"}
