"""The progress of a command and its remaining time, while phases end early or go on."""

from dataclasses import replace

import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import (
    EpochEnded,
    Loop,
    LoopsAhead,
    OfTrial,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    StepEnded,
)
from automtl_core.workflow.importance import PHASE as IMPORTANCE
from automtl_core.workflow.progress_estimate import (
    ENCODING_EPOCHS,
    ENCODING_SEARCH,
    SEARCHED,
    TRAINING,
    TYPICAL,
    ProgressEstimate,
    Reached,
    Workload,
)
from automtl_core.workflow.workflow import Workflow


class Command:
    """Sends the events of a command whose clock is set by hand."""

    def __init__(self):
        self.now = 0.0
        self.estimate = ProgressEstimate(lambda: self.now)

    def send(self, *events):
        for event in events:
            self.estimate(event)
        return self

    def epoch(self, phase, number, seconds=10.0, change=None, rows=100):
        """Train an epoch of four steps."""
        for done in range(1, 5):
            self.now += seconds / 4
            self.send(StepEnded(phase, number, 4, done, rows * done // 4))
        return self.send(EpochEnded(phase, number, {}, {}, change))

    @property
    def left(self):
        return self.estimate.left()

    @property
    def reached(self):
        return self.estimate.reached()


@pytest.fixture
def command():
    return Command()


def test_a_job_says_what_is_before_it(tmp_path):
    common = {
        "dataset": {"name": "synthetic", "rows": 600},
        "training": {"epochs": 5, "batch_size": 100, "patience": 4},
        "strategy": {"epochs": 3},
        "prepared_dir": tmp_path,
    }
    jobs = Workflow(load_registry()).models(["mmoe", "desan:darts"], [common])
    prepared = jobs["mmoe"].prepare()
    searches = Workload.of(jobs["desan:darts"].having(time_budget=60), prepared)
    fields = len(prepared.schema.fields())
    tested = pytest.approx(60 * (1 + fields) / 3)
    assert searches == Workload(3, 5, 60, (), 480, 4, tested, "desan:darts", 480)
    assert Workload.of(jobs["mmoe"], prepared, [searches]).then == [searches]
    assert searches.trained() == replace(searches, tested=0.0)


def test_the_maximum_is_in_seconds_or_else_in_epochs():
    assert Workload(3, 5).most() == 8
    assert Workload(3, 5, 60).most() == 60
    assert Workload(3, 5, then=[Workload(0, 5), Workload(1, 2)]).most() == 16
    assert Workload(None, 5).most() is None
    assert Workload(3, 5, then=[Workload(None, 5)]).most() is None


def test_epochs_are_counted_from_the_search_to_the_last_training(command):
    command.send(PhaseBegan(TRAINING, Workload(10, 5, then=[Workload(0, 7)])))
    command.epoch("warm-up", 1)
    assert command.reached == Reached(1, 22)
    command.epoch("search", 2)
    assert command.reached == Reached(2, 22)
    command.epoch("train", 1)
    assert command.reached == Reached(3, 14), "the search needed 8 epochs less than it might have"


def test_a_training_that_is_resumed_has_the_epochs_of_earlier_processes_behind_it(command):
    command.send(PhaseBegan(TRAINING, Workload(0, 5, rows=100))).epoch("train", 3)
    assert command.left == pytest.approx(20)


def test_the_remaining_time_is_unknown_before_the_first_measurement(command):
    assert command.left is None
    command.send(PhaseBegan(TRAINING, Workload(0, 4, rows=100)))
    assert command.left is None
    command.epoch("train", 1)
    assert command.left == pytest.approx(30)


def test_it_runs_down_between_events(command):
    command.send(PhaseBegan(TRAINING, Workload(0, 4, rows=100))).epoch("train", 1)
    command.now += 7
    assert command.left == pytest.approx(23)
    command.now += 70
    assert command.left == 0


def test_time_before_the_first_step_is_no_time_of_training(command, tmp_path):
    command.send(PhaseBegan(TRAINING, Workload(0, 4, rows=100)))
    command.now += 500
    command.send(RunBegan(tmp_path)).epoch("train", 1)
    assert command.left == pytest.approx(30)


def test_the_first_step_of_a_phase_is_not_measured(command):
    command.send(PhaseBegan(TRAINING, Workload(0, 4, rows=100)))
    command.now += 500
    command.epoch("train", 1)
    assert command.left == pytest.approx(30)


def test_a_training_with_patience_is_expected_to_end_early_and_then_as_its_scores_say(command):
    patience = 5
    command.send(PhaseBegan(TRAINING, Workload(0, 100, rows=100, patience=patience)))
    command.epoch("train", 1)
    assert command.left == pytest.approx(10 * (TYPICAL * patience - 1))
    for number in range(2, 19):
        command.epoch("train", number, change=0.1)
    assert command.left == pytest.approx(10 * patience), "it goes on for as long as its patience at least"
    for number in range(19, 23):
        command.epoch("train", number, change=-0.1)
    assert command.left == pytest.approx(10)


def test_the_end_is_the_more_likely_the_longer_no_score_is_better(command):
    command.send(PhaseBegan(TRAINING, Workload(0, 100, rows=100, patience=4)))
    command.epoch("train", 1)
    for number, expected in [(2, 0.25 * 3 + 0.75 * 10), (3, 0.5 * 2 + 0.5 * 9), (4, 0.75 * 1 + 0.25 * 8)]:
        command.epoch("train", number, change=-0.1)
        assert command.left == pytest.approx(10 * expected)


def test_the_next_training_is_expected_to_take_as_many_epochs_as_those_that_ended(command):
    later = Workload(0, 100, rows=100, patience=2, model="other")
    command.send(PhaseBegan(TRAINING, replace(later, model="mmoe", then=[later])))
    for number, change in enumerate([None, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.1, -0.1], start=1):
        command.epoch("train", number, change=change)
    command.send(PhaseEnded(TRAINING))
    assert command.left == pytest.approx(100), "of the next run, which has not begun"
    command.send(PhaseBegan(TRAINING, later)).epoch("train", 1)
    assert command.left == pytest.approx(90)


def test_a_run_of_the_same_model_is_expected_to_take_as_long(command):
    work = Workload(0, 10, rows=100, model="mmoe")
    command.send(PhaseBegan(TRAINING, replace(work, then=[work, work])))
    for number in range(1, 11):
        command.epoch("train", number)
    command.send(PhaseEnded(TRAINING), PhaseBegan(TRAINING, replace(work, then=[work])))
    command.epoch("train", 1, seconds=20.0)
    assert command.left > 100
    command.send(PhaseEnded(TRAINING))
    assert command.left == pytest.approx((100 + 20) / 2)


def test_phases_to_come_are_as_fast_by_row_as_those_that_were_measured(command):
    command.send(PhaseBegan(TRAINING, Workload(6, 0, rows=100, tested=40.0)))
    command.epoch("warm-up", 1)
    assert command.left == pytest.approx(10 * SEARCHED * 5 + 4)
    loops = Loop("warm-up", 2, 100), Loop("ablation", 10, 20, trains=False), Loop("mmoe", 3, 200)
    command.send(LoopsAhead(loops))
    assert command.left == pytest.approx(20 + 20 + 60 + 4)
    assert command.reached == Reached(1, 6)
    command.epoch("warm-up", 2)
    command.now += 4
    command.send(StepEnded("ablation", 2, 1, 1, 0))
    assert command.left == pytest.approx(9 * 4 + 3 * (24 / 220) * 200 + 40 * 24 / 220, rel=0.1)
    command.epoch("mmoe", 3, seconds=5.0)
    assert command.left < 15
    assert command.reached == Reached(3, 5)


def test_the_rungs_of_one_training_count_its_epochs_once(command):
    command.send(PhaseBegan(TRAINING, Workload(50, 0, rows=100)))
    command.send(LoopsAhead((Loop("a", 4, 100, 3), Loop("b", 4, 100, 3), Loop("a", 20, 100, 3))))
    command.epoch("a", 1)
    assert command.left == pytest.approx(10 * (3 + 4 + (TYPICAL * 3 - 4)))


def test_the_encoding_search_tells_the_speed_of_all_that_follows(command):
    command.send(PhaseBegan(ENCODING_SEARCH, Workload(0, 10, rows=400, encoding=100)))
    command.now += 30
    command.send(ProgressMade(ENCODING_SEARCH, "trial 2 of at most 4", 0.25))
    second = 4 * 120 / ENCODING_EPOCHS
    assert command.left == pytest.approx(90 + 10 * second)
    command.send(PhaseEnded(ENCODING_SEARCH))
    assert command.left == pytest.approx(10 * second)


def test_at_the_end_only_the_permutation_importance_is_left(command):
    command.send(PhaseBegan(TRAINING, Workload(0, 9, rows=100, patience=2, tested=50.0)))
    command.epoch("train", 1)
    command.send(PhaseBegan(IMPORTANCE))
    command.now += 1
    command.send(ProgressMade(IMPORTANCE, "permute fields", 0.5))
    assert command.left == pytest.approx(1)
    command.send(PhaseEnded(IMPORTANCE))
    assert command.left == 0
    command.send(PhaseEnded(TRAINING))
    assert command.left == 0


def test_where_nobody_can_say_how_long_a_search_takes_the_rest_is_open(command):
    command.send(PhaseBegan(TRAINING, Workload(None, 5, rows=100))).epoch("search", 1)
    assert (command.reached, command.left) == (Reached(1, None), None)
    command.epoch("train", 1)
    assert (command.reached, command.left) == (Reached(2, 6), pytest.approx(40))


def test_a_time_budget_counts_in_seconds_and_limits_the_remaining_time(command):
    work = Workload(None, 5, seconds=60, then=[Workload(0, 5, seconds=30)])
    command.send(PhaseBegan(TRAINING, work))
    command.now += 15
    assert (command.reached, command.left) == (Reached(15, 90), 75)
    assert command.estimate.unit == "s"


def test_the_maximum_of_a_later_run_includes_the_time_before_it(command):
    command.send(PhaseBegan(TRAINING, Workload(None, 5, seconds=60)))
    command.now += 19
    command.send(PhaseBegan(TRAINING, Workload(None, 5, seconds=41)))
    command.now += 2
    assert (command.reached, command.left) == (Reached(21, 60), 39)


def test_runs_at_once_divide_the_later_work(command):
    work = Workload(0, 4, rows=100)
    command.send(OfTrial("a"), PhaseBegan(TRAINING, replace(work, then=[work, work, work])))
    command.send(OfTrial("b"), PhaseBegan(TRAINING, replace(work, then=[work, work])))
    for done in range(1, 5):
        command.now += 2.5
        for trial in ("a", "b"):
            command.send(OfTrial(trial), StepEnded("train", 1, 4, done, 25 * done))
    assert command.left == pytest.approx((3 + 3 + 4 + 4) * 10 / 2)
    assert command.reached == Reached(2, 16)
    command.send(OfTrial("a"), PhaseEnded(TRAINING), OfTrial("b"), PhaseEnded(TRAINING))
    command.send(OfTrial("c"), PhaseBegan(TRAINING, replace(work, then=[work])))
    assert command.left == pytest.approx((4 + 4) * 10 / 2), "soon there are two at once again"
    command.send(OfTrial("d"), PhaseBegan(TRAINING, work), OfTrial("c"), PhaseEnded(TRAINING))
    command.send(OfTrial("d"))
    assert command.left == pytest.approx(4 * 10), "the last one is alone"
