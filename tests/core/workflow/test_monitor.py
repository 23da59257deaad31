"""Events become a snapshot of the progress."""

import pytest

from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import (
    EpochEnded,
    OfTrial,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    StepEnded,
)
from automtl_core.workflow import monitor as module
from automtl_core.workflow.monitor import DECISIONS, Monitor
from automtl_core.workflow.progress_estimate import ENCODING_SEARCH, TRAINING, Workload

WORK = Workload(4, 6, rows=100, patience=2, tested=10.0)


@pytest.fixture
def now(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_parts_and_phases_follow_the_events(now, tmp_path):
    monitor = Monitor()
    monitor(PhaseBegan(ENCODING_SEARCH, WORK))
    monitor(ProgressMade(ENCODING_SEARCH, "trial 2 of at most 4", 0.25))
    snapshot = monitor.snapshot()
    assert snapshot.parts == (ENCODING_SEARCH, "search", "training", "test")
    assert (snapshot.part, snapshot.stage, snapshot.share) == (ENCODING_SEARCH, "trial 2 of at most 4", 0.25)
    monitor(PhaseEnded(ENCODING_SEARCH))
    monitor(PhaseBegan(TRAINING, WORK))
    for phase, part in [("warm-up", "search"), ("mmoe", "search"), ("train", "training")]:
        monitor(StepEnded(phase, 1, 4, 1, 25))
        assert (monitor.snapshot().phase, monitor.snapshot().part) == (phase, part)
    monitor(PhaseBegan("permutation importance"))
    assert monitor.snapshot().part == "test"
    assert monitor.snapshot().parts[0] == ENCODING_SEARCH


def test_the_speed_is_measured_after_the_first_step(now):
    monitor = Monitor()
    monitor(PhaseBegan(TRAINING, WORK))
    for done in (1, 2, 3):
        now[0] += 5.0
        monitor(StepEnded("train", 1, 4, done, 25 * done))
    assert monitor.snapshot().rows_per_second == 5.0
    monitor(StepEnded("train", 2, 4, 1, 25))
    assert monitor.snapshot().rows_per_second is None


def test_epochs_of_earlier_processes_belong_to_the_run_and_another_run_begins_without(tmp_path):
    reports = [EpochEnded("train", epoch, {}, {}) for epoch in (1, 2)]
    monitor = Monitor()
    monitor(PhaseBegan(TRAINING, WORK))
    monitor(RunBegan(tmp_path, (reports[0],)))
    monitor(reports[1])
    assert monitor.reports == reports
    monitor(PhaseBegan(TRAINING, WORK))
    assert monitor.reports == []


def test_the_latest_decisions_are_kept():
    monitor = Monitor()
    for number in range(DECISIONS + 5):
        monitor(DecisionMade(Evidence(f"choice {number}", "a", "chosen", "better")))
    decisions = monitor.snapshot().decisions
    assert [decisions[0].choice, decisions[-1].choice] == ["choice 5", f"choice {DECISIONS + 4}"]


def test_of_several_trials_the_first_one_is_shown_until_it_ends():
    monitor = Monitor()
    monitor(OfTrial("a"))
    monitor(PhaseBegan(TRAINING, WORK))
    monitor(StepEnded("warm-up", 1, 4, 1, 25))
    monitor(OfTrial("b"))
    monitor(PhaseBegan(TRAINING, WORK))
    monitor(StepEnded("train", 3, 4, 2, 50))
    monitor(report := EpochEnded("train", 3, {}, {}))
    assert monitor.trials == ("a", "b")
    assert (monitor.snapshot().phase, monitor.snapshot().epoch, monitor.reports) == ("warm-up", 1, [])
    monitor(OfTrial("a"))
    monitor(PhaseEnded(TRAINING))
    monitor(OfTrial("c"))
    monitor(PhaseBegan(TRAINING, WORK))
    assert monitor.trials == ("b", "c")
    assert (monitor.snapshot().phase, monitor.snapshot().share, monitor.reports) == ("train", 0.5, [report])
