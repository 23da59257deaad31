"""Large tables: trials read a sample of the rows, and the network of the result is trained on all of them."""

from dataclasses import replace

import numpy as np
import pytest

from automtl_core.search.train_trial import train_trial
from automtl_core.workflow import budget as module, trainer
from automtl_core.workflow.budget import trial_rows, with_rows
from automtl_core.workflow.pipeline import to_come

from .lines import begin, contents, go_on, make_job, stopped

EVIDENCE = {"strategy": {"name": "pd-darts", "steps": 2, "rows": 200}, "features": "ids"}


@pytest.mark.parametrize(
    ("rows", "expected"), [(10, None), (10_000_000, None), (10_000_001, 1_000_000), (80_000_000, 4_000_000)]
)
def test_trials_read_a_part_of_a_large_table(rows, expected):
    assert trial_rows(rows) == expected


def test_rows_are_drawn_by_the_seed(tmp_path):
    job = make_job(tmp_path)
    problem = job.problem(job.prepare())
    some, again = with_rows(problem, 300), with_rows(problem, 300)
    assert len(some.data.train) == 300
    assert np.array_equal(some.data.train.ids, again.data.train.ids)
    other = with_rows(replace(problem, seed=1), 300)
    assert not np.array_equal(some.data.train.ids, other.data.train.ids)
    assert with_rows(problem, 800) is problem
    assert len(some.data.validation) == len(problem.data.validation)


def test_validation_rows_are_as_large_a_share_but_not_too_few(tmp_path, monkeypatch):
    job = make_job(tmp_path)
    problem = job.problem(job.prepare())
    count = len(problem.data.validation)
    monkeypatch.setattr(module, "VALIDATION_ROWS", 10)
    assert len(with_rows(problem, len(problem.data.train) // 2).data.validation) == count // 2
    monkeypatch.setattr(module, "VALIDATION_ROWS", count - 1)
    assert len(with_rows(problem, 300).data.validation) == count - 1


def test_the_last_training_reads_all_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TRIAL_ROWS", 79)
    read = []

    def watched(problem, spec, listener):
        read.append((len(problem.data.train), spec.train_rows))
        return train_trial(problem, spec, listener)

    monkeypatch.setattr(trainer, "train_trial", watched)
    job = make_job(tmp_path, EVIDENCE)
    run = begin(job, tmp_path / "run")
    phases = [report["phase"] for report in run.reports()]
    assert {*read} == {(79, 79)}
    assert phases[-1] == "train"
    assert phases.count("train") == 3
    assert {stage.stage: stage.epochs for stage in to_come(job, job.prepare())}["training"] == 3
    again = stopped(job, tmp_path / "again", len(phases) - 1)
    go_on(job, again)
    assert contents(again) == contents(run)


def test_the_trials_of_other_tables_read_all_rows(tmp_path):
    job = make_job(tmp_path, EVIDENCE)
    run = begin(job, tmp_path / "run")
    assert "train" not in [report["phase"] for report in run.reports()]
    assert "training" not in {stage.stage for stage in to_come(job, job.prepare())}
