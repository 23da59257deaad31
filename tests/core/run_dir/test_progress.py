"""The progress of a command and its remaining time follow from its events; the file is read as written."""

from dataclasses import replace

import pytest

from automtl_core.run_dir.progress import (
    ENCODING_SEARCH,
    FILE,
    IMPORTANCE,
    SEARCH,
    TEST,
    TRAINING,
    Command,
    Progress,
    reduced,
)
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.search.trial import TrialEnded, TrialResult
from automtl_core.training.events import (
    REFIT,
    EpochEnded,
    OfTrial,
    PhaseBegan,
    PhaseEnded,
    Planned,
    ProgressMade,
    RunBegan,
    StepEnded,
)

TEN = Planned(TRAINING, 10, 100.0)


class Events:
    """Sends the events of a command whose clock is set by hand."""

    def __init__(self):
        self.now = 1000.0
        self.state = Command()

    def send(self, *events):
        for event in events:
            self.state = reduced(self.state, event, self.now)
        return self

    def epoch(self, phase, number, seconds=10.0, change=None):
        """Train an epoch of four steps."""
        for done in range(1, 5):
            self.now += seconds / 4
            self.send(StepEnded(phase, number, 4, done, 25 * done))
        return self.send(EpochEnded(phase, number, {}, {}, change))

    @property
    def left(self):
        """The middle of the forecast; None without one."""
        ends = self.state.shown.left
        return None if ends is None else sum(ends) / 2

    @property
    def progress(self):
        return self.state.shown

    @property
    def reached(self):
        """The finished epochs of the current stage, and their largest number."""
        return self.progress.current.done, self.progress.current.epochs


@pytest.fixture
def events():
    return Events()


def test_a_progress_is_read_as_written_where_it_can_be_written(tmp_path, events):
    plan = (Planned(SEARCH, 9, 100.0, 2, (3, 4)), Planned(TEST))
    events.send(PhaseBegan(TRAINING, plan, seconds=600.0), RunBegan(tmp_path, ()))
    events.epoch("warm-up", 1).epoch("warm-up", 2, change=-0.1)
    events.send(DecisionMade(Evidence("layer", "mlp-8", "chosen", "better")))
    progress = events.progress
    assert all([progress.rows_per_second, progress.step, progress.left, progress.end, progress.current.stale])
    progress.write(tmp_path)
    assert Progress.read(tmp_path) == progress
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    progress.write(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"epoch": "three"}'])
def test_a_damaged_file_is_none(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    assert Progress.read(tmp_path) is None


def test_the_remaining_time_is_that_of_the_share_that_is_left(events):
    events.send(PhaseBegan(TRAINING, (TEN,)))
    assert events.left is None
    events.now += 500  # for preparations
    events.epoch("train", 1)
    assert events.left == pytest.approx(90)
    assert events.reached == (1, 10)
    events.epoch("train", 2, seconds=21.25)
    assert events.left == pytest.approx((7.5 + 21.25) / 1.75 * 8)


def test_a_training_that_continues_has_its_earlier_epochs_behind_it(events, tmp_path):
    """Epochs are numbered on from those of a search, which are no epochs of the training."""
    phases = ["search", "search", *["train"] * 7]
    reports = tuple(EpochEnded(phase, epoch, {}, {}) for epoch, phase in enumerate(phases, start=1))
    events.send(PhaseBegan(TRAINING, (Planned(SEARCH, 5), TEN)), RunBegan(tmp_path, reports))
    events.epoch("train", 10)
    assert events.reached == (8, 10)
    assert events.left == pytest.approx(20)


def test_early_stopping_ends_a_training_after_its_patience_at_the_earliest(events):
    plan = Planned(TRAINING, 100, 100.0, patience=4, likely=(4, 14))
    events.send(PhaseBegan(TRAINING, (plan,)))
    for done in range(1, 4):
        events.now += 2.5
        events.send(StepEnded("train", 1, 4, done, 25 * done))
    assert events.progress.left is None, "no epoch has ended"
    events.now += 2.5
    events.send(StepEnded("train", 1, 4, 4, 100), EpochEnded("train", 1, {}, {}))
    assert events.progress.left == pytest.approx((40, 130))
    for number in range(2, 14):
        events.epoch("train", number, change=0.1)
    assert events.progress.left == pytest.approx((40, 40)), "at least its patience"
    events.epoch("train", 14, change=-0.1)
    assert events.progress.left == pytest.approx((30, 30))


def test_a_search_tells_how_many_epochs_are_left(events):
    """The largest number takes all trainings to their end, and most of them do not come to it."""
    events.send(PhaseBegan(TRAINING, (Planned(SEARCH, 358, 100.0, 5, (51, 98)),)))
    events.epoch("warm-up", 1)
    assert events.progress.left == pytest.approx((500, 970))
    events.send(Planned(SEARCH, likely=(13, 17)))
    assert events.progress.left == pytest.approx((120, 160))
    events.epoch("searched", 2, change=-0.1)
    assert events.progress.left == pytest.approx((110, 150)), "the patience is that of a training"
    assert events.reached == (2, 358)


def test_later_stages_are_as_fast_by_row(events):
    stages = (Planned(SEARCH, 4, 100.0), Planned(TRAINING, 2, 200.0), Planned(TEST, 1, 50.0))
    events.send(PhaseBegan(TRAINING, stages)).epoch("warm-up", 1)
    assert events.left == pytest.approx(30 + 40 + 5)
    events.now += 30
    events.send(StepEnded("ablation", 1, 4, 1, 0))
    assert events.left == pytest.approx(30 + 40 + 5), "the epochs are as fast as before"
    assert (events.progress.stage, events.progress.phase) == (SEARCH, "ablation")
    assert events.reached == (1, 4), "a step without rows finishes no epoch"
    events.epoch("train", 1)
    assert events.progress.stage == TRAINING
    assert events.reached == (1, 2)
    events.send(ProgressMade(IMPORTANCE, "permute fields", 0.5))
    assert (events.progress.stage, events.progress.detail) == (TEST, "permute fields")
    events.now += 4
    assert events.send(ProgressMade(IMPORTANCE, "permute fields", 0.75)).left == pytest.approx(4)
    events.send(PhaseEnded(TRAINING))
    assert events.left == 0


def test_a_refit_has_the_epochs_that_the_training_chose(events, tmp_path):
    plan = (TEN, Planned(REFIT, 10, 200.0, 3))
    events.send(PhaseBegan(TRAINING, plan), RunBegan(tmp_path))
    events.epoch("train", 1).epoch("train", 2)
    events.send(PhaseBegan(REFIT, (Planned(REFIT, 2, 200.0),)))
    assert (events.progress.stage, events.reached) == (REFIT, (0, 2))
    events.epoch("refit", 1, seconds=20.0)
    assert events.left == pytest.approx(20, rel=0.01)
    reports = tuple(EpochEnded(phase, 1, {}, {}) for phase in ("candidate 1", "train", "refit"))
    again = Events().send(PhaseBegan(TRAINING, plan), RunBegan(tmp_path, reports)).progress
    assert [stage.ended for stage in again.stages] == [1, 1]


def test_there_is_no_forecast_before_the_first_epoch_after_the_encoding_search(events):
    """Its models are smaller ones, and their speed is another."""
    events.send(PhaseBegan(ENCODING_SEARCH, (Planned(ENCODING_SEARCH), TEN)))
    events.send(ProgressMade(ENCODING_SEARCH, "trial 1 of at most 4", 0.0))
    events.now += 30
    events.send(ProgressMade(ENCODING_SEARCH, "trial 2 of at most 4", 0.25))
    assert events.left is None
    events.send(PhaseEnded(ENCODING_SEARCH), PhaseBegan(TRAINING, (TEN,)))
    assert events.left is None
    events.epoch("train", 1)
    assert events.left == pytest.approx(90)


def test_a_search_of_unknown_length_has_no_remaining_time_but_that_of_a_time_budget(events):
    search = Planned(SEARCH, None, 100.0)
    events.send(PhaseBegan(TRAINING, (search, TEN))).epoch("search", 1)
    assert (events.reached, events.left) == ((1, None), None)
    events.epoch("train", 1)
    assert (events.reached, events.left) == ((1, 10), pytest.approx(90))
    events.send(PhaseBegan(TRAINING, (search,), seconds=60))
    events.now += 15
    assert events.send(StepEnded("search", 1, 4, 1, 25)).left == 45


def test_the_share_of_a_command_is_that_of_its_runs(events):
    """Two of four runs are at work at once."""
    for trial, later in (("a", 3), ("b", 2)):
        events.send(OfTrial(trial), PhaseBegan(TRAINING, (replace(TEN, epochs=4),), later=later))
    for done in range(1, 5):
        events.now += 2.5
        for trial in ("a", "b"):
            events.send(OfTrial(trial), StepEnded("train", 1, 4, done, 25 * done))
    assert events.left is None, "no epoch has ended"
    for trial in ("a", "b"):
        events.send(OfTrial(trial), EpochEnded("train", 1, {}, {}))
    assert list(events.state.runs) == ["a", "b"]
    assert events.left == pytest.approx(10 * (2 + 1.5) / 0.5, rel=0.01)
    events.send(OfTrial("a"), PhaseEnded(TRAINING), TrialEnded(TrialResult("done", {})))
    events.send(OfTrial("c"), PhaseBegan(TRAINING, (TEN,), later=1))
    assert list(events.state.runs) == ["b", "c"]
    assert events.state.ended == 1


def test_the_tests_of_a_command_are_not_as_slow_as_its_trainings(events):
    events.send(OfTrial("a"), PhaseBegan(TRAINING, (TEN,), later=1)).epoch("train", 1, seconds=1000.0)
    events.send(PhaseEnded(TRAINING), OfTrial("a"), PhaseBegan(TEST, (Planned(TEST),), later=1))
    events.send(ProgressMade(IMPORTANCE, "permute fields", 0.0))
    events.now += 2
    events.send(ProgressMade(IMPORTANCE, "permute fields", 0.5))
    assert events.left == pytest.approx(6, rel=0.01)


def test_the_speed_is_measured_after_the_first_step_of_an_epoch(events):
    events.send(PhaseBegan(TRAINING, (TEN,)))
    for done in (1, 2, 3):
        events.now += 5.0
        events.send(StepEnded("train", 1, 4, done, 25 * done))
    assert events.progress.rows_per_second == 5.0
    events.send(StepEnded("train", 2, 4, 1, 25))
    assert events.progress.rows_per_second is None


def test_the_latest_decisions_are_kept_and_the_state_before_an_event_stays(events):
    for number in range(25):
        events.send(DecisionMade(Evidence(f"choice {number}", "a", "chosen", "better")))
    decisions = events.progress.decisions
    assert [decisions[0].choice, decisions[-1].choice] == ["choice 5", "choice 24"]
    before = events.send(PhaseBegan(TRAINING, (TEN,))).state
    events.epoch("train", 1)
    assert before.shown.epoch == 0
    again = [reduced(before, StepEnded("train", 1, 4, 1, 25), 1.0) for _ in range(2)]
    assert again[0] == again[1]


TINY = (Planned(TEST, rows=9333.0),)
RECORDED = {
    "a search that early stopping ends after five epochs": (
        (Planned(SEARCH, 358, 16000.0, 5, (51, 98)), *TINY),
        [
            *[6.2, ("warm-up", 20, 4.9), 0.8, ("search", 1, 0.6), 0.4],
            *[("search", 1, 0.3), 1.5, (42, 70), 0.5],
            *[("searched", 6, 1.5), (48, 70), ("other", 6, 1.2), (54, 70), ("boosting", 1, 2.2), (50, 59)],
            *[("linear", 1, 2.0), (46, 54), ("searched", 6, 1.3), (52, 56), ("other", 6, 1.0), (58, 58)],
            *[("searched", 4, 0.9), (57, 57), ("other", 3, 0.5), (55, 55), 0.7],
        ],
    ),
    "a random search": (
        (Planned(SEARCH, 184, 16000.0, 3, (27, 92)), *TINY),
        [
            *[11.6, (24, 84), ("1", 8, 3.1), (67, 84), ("2", 8, 2.8), (70, 84), ("3", 8, 2.3), (73, 84)],
            *[("4", 8, 3.4), (76, 84), ("5", 8, 2.7), ("6", 8, 2.9), ("7", 8, 2.4), ("8", 8, 2.2), (76, 84)],
            *[("1", 7, 3.1), (92, 92), ("2", 8, 2.7), (96, 96), ("4", 8, 3.4), (97, 97), ("6", 8, 3.5)],
            *[(98, 98), ("6", 3, 1.1), (98, 98), 0.6],
        ],
    ),
}
"""Recorded searches: their plans, seconds without an epoch, epochs of a training with their seconds, and the
epochs that are likely since then."""


@pytest.mark.parametrize("name", RECORDED)
def test_a_third_of_a_search_tells_the_rest_within_a_factor(events, name):
    stages, parts = RECORDED[name]
    whole = sum(part if isinstance(part, float) else sum(part[2:]) for part in parts)
    start, number, forecast = events.now, 0, None
    events.send(PhaseBegan(TRAINING, stages))
    for part in parts:
        match part:
            case (phase, epochs, seconds):
                for _ in range(epochs):
                    number += 1
                    events.epoch(phase, number, seconds / epochs)
                    if forecast is None and events.now - start >= whole / 3:
                        forecast = events.left, whole - (events.now - start)
            case (fewest, most):
                events.send(Planned(SEARCH, likely=(fewest, most)))
            case seconds:
                events.now += seconds
    left, true = forecast
    assert 1 / 1.5 < left / true < 1.5
