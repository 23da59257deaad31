"""A time budget: the search gives way to the training, both end in time, and what was given up is told."""

from dataclasses import replace

import numpy as np
import pytest

from automtl_core.run_dir.facts import Budget
from automtl_core.search.trained import trained
from automtl_core.training.events import EpochEnded, EventHandler, StepEnded
from automtl_core.workflow import budget as module, run_trial
from automtl_core.workflow.budget import ALL, Clock, trial_rows, with_rows
from automtl_core.workflow.pipeline import to_come

from .lines import begin, contents, go_on, make_job, stopped


@pytest.fixture
def clock(monkeypatch):
    """Give a function that sets what the clock says."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def test_search_and_training_end_when_their_share_since_the_start_is_spent(clock):
    clock(20)
    heard = Clock(EventHandler(), Budget(100, 0.5, ALL, ALL), start=0)
    clock(25)
    assert heard(StepEnded("warm-up", 3, 10, 1, 64))
    assert heard.spent() == 0.5
    clock(51)
    assert not heard(EpochEnded("search", 5, {}, {}))
    assert heard.spent() == 1
    assert heard(StepEnded("train", 1, 10, 1, 64))
    clock(100 * ALL + 1)
    assert not heard(StepEnded("train", 7, 10, 1, 64))
    assert heard.ended == {"search": 5, "train": 7}


def test_a_refit_has_time_of_its_own_after_the_training(clock):
    heard = Clock(EventHandler(), Budget(100, 0.5, 0.5, 0.9))
    clock(60)
    assert heard.has_time(29)
    assert not heard.has_time(31)
    assert heard(StepEnded("refit", 1, 10, 1, 64))
    clock(91)
    assert not heard(StepEnded("refit", 1, 10, 2, 64))


def test_a_training_without_epochs_has_time_for_its_parts_by_their_share(clock):
    heard = Clock(EventHandler(), Budget(100, 0, ALL, ALL))
    clock(53)
    assert heard.lasts(0.5), "40 of its 93 seconds are left, from now on"
    clock(72)
    assert heard.lasts(0.5)
    assert heard.ended == {}
    clock(74)
    assert not heard.lasts(0.5)
    assert heard.lasts(1.0)
    assert heard.ended == {"train": 1}
    later = Clock(EventHandler(), Budget(26, 0, ALL, ALL))
    clock(75)
    assert later(EpochEnded("train", 4, {}, {}))
    clock(99)
    assert not later.lasts(0.5)
    assert later.ended == {"train": 4}, "the epoch that ended before"


@pytest.mark.parametrize(
    ("rows", "expected"), [(10, None), (10_000_000, None), (10_000_001, 1_000_000), (80_000_000, 4_000_000)]
)
def test_trials_read_a_part_of_a_large_table(rows, expected):
    assert trial_rows(rows) == expected


def test_some_rows_are_drawn_by_the_seed_and_validation_rows_as_large_a_share(tmp_path, monkeypatch):
    job = make_job(tmp_path)
    problem = job.problem(job.prepare())
    some, again = with_rows(problem, 300), with_rows(problem, 300)
    count = len(problem.data.validation)
    assert (len(some.data.train), len(some.data.validation)) == (300, count)
    assert np.array_equal(some.data.train.ids, again.data.train.ids)
    other = with_rows(replace(problem, seed=1), 300)
    assert not np.array_equal(some.data.train.ids, other.data.train.ids)
    assert with_rows(problem, 800) is problem
    monkeypatch.setattr(module, "VALIDATION_ROWS", 10)
    assert len(with_rows(problem, len(problem.data.train) // 2).data.validation) == count // 2
    monkeypatch.setattr(module, "VALIDATION_ROWS", count - 1)
    assert len(with_rows(problem, 300).data.validation) == count - 1


def test_the_last_training_reads_all_rows(tmp_path, monkeypatch):
    evidence = {"name": "pd-darts", "steps": 2, "rows": 200, "rivals": ["mmoe"]}
    job = make_job(tmp_path, {"strategy": evidence, "features": "ids", "time_budget": 600.0})
    assert "training" not in {stage.stage for stage in to_come(job, job.prepare())}, "trials read them all"
    monkeypatch.setattr(module, "TRIAL_ROWS", 79)
    read = []

    def watched(problem, spec, listener):
        read.append((len(problem.data.train), spec.train_rows))
        return trained(problem, spec, listener)

    monkeypatch.setattr(run_trial, "trained", watched)
    run = begin(job, tmp_path / "run")
    phases = [report["phase"] for report in run.reports()]
    assert {*read} == {(79, 79)}
    assert phases[-1] == "train"
    assert phases.count("train") == 3
    assert {stage.stage: stage.epochs for stage in to_come(job, job.prepare())}["training"] == 3
    again = stopped(job, tmp_path / "again", len(phases) - 1)
    told = again.read(Budget)
    go_on(job, again)
    assert again.read(Budget) == told
    assert contents(again) == contents(run)
