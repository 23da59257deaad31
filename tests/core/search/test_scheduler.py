"""The loop of trials: events and results in the order of the trainings, whatever the executor does."""

from dataclasses import replace

import pytest

from automtl_core.errors import DivergedError
from automtl_core.search.scheduler import Proposals, Scheduler, TrialLoop
from automtl_core.search.trial import Training, TrialResult, Trials
from automtl_core.settings.settings import Settings
from automtl_core.training.events import SILENT, EpochEnded, StepEnded
from automtl_core.training.recipe import Recipe
from automtl_testing.samples import binary_metrics

METRICS = {"click": binary_metrics(0.7, 0.5, 100, 400)}


def proposals(**more):
    return Proposals([], Recipe(), **more)


class Listed(Scheduler):
    """Asks for a list of trainings."""

    def __init__(self, trainings, window=9):
        super().__init__(Settings(), proposals())
        self.left, self.window, self.told = list(trainings), window, []

    def ask(self):
        """Return as many trainings as the window allows."""
        batch, self.left = self.left[: self.window], self.left[self.window :]
        return batch

    def tell(self, training, result):
        self.told.append((training.name, result.epochs))

    def ranked(self):
        return []


class Named(Trials):
    """Makes specs of the names of candidates."""

    def placed(self, training):
        return replace(training, folder=training.name)


class Last:
    """Executor that takes all that is submitted, and runs the last of it first."""

    def __init__(self):
        self.ran = []

    def run(self, queue, on_event):
        taken = []
        while queue or taken:
            while queue:
                taken.append(queue.popleft())
            spec = taken.pop()
            self.ran.append(spec.folder)
            for epoch in range(1, spec.epochs + 1):
                on_event(spec, StepEnded("", epoch, 1, 1, 9))
                on_event(spec, EpochEnded("", epoch, {}, METRICS))
            yield spec, TrialResult("paused", METRICS, spec.epochs, spec.epochs)


def training(name, epochs=1):
    return Training(name, epochs=epochs)


def run(loop, listener=SILENT, executor=None):
    executor = executor or Last()
    loop.run(Named(Training(), executor), listener)
    return executor.ran


class Heard(list):
    """Listener that keeps name and number of each epoch, and ends the search after some."""

    last = None

    def __call__(self, event):
        if isinstance(event, EpochEnded):
            self.append((event.phase, event.epoch))
        return len(self) != self.last


def test_events_and_results_come_in_the_order_of_the_trainings():
    scheduler, heard = Listed([training("a"), training("b", 2), training("c")]), Heard()
    loop = TrialLoop(scheduler, spent=5)
    assert run(loop, heard) == ["c", "b", "a"]
    assert heard == [("a", 6), ("b", 7), ("b", 8), ("c", 9)]
    assert scheduler.told == [("a", 1), ("b", 2), ("c", 1)]
    assert loop.spent == 9


def test_steps_are_of_the_first_training_and_batches_come_one_after_the_other():
    steps = []
    run(TrialLoop(Listed([training("a"), training("b")])), lambda e: steps.append((type(e), e.phase)) or True)
    assert steps == [(StepEnded, "a"), (EpochEnded, "a"), (EpochEnded, "b")]
    ran = run(TrialLoop(Listed(map(training, "abcd"), window=2)))
    assert ran == ["b", "a", "d", "c"]


def test_equal_or_continued_trainings_are_run_and_reported_once():
    scheduler, heard = Listed([training("a"), training("a"), training("b")], window=2), Heard()
    assert run(TrialLoop(scheduler), heard) == ["a", "b"]
    assert scheduler.told == [("a", 1), ("a", 1), ("b", 1)]
    assert heard == [("a", 1), ("b", 2)]
    heard = Heard()
    run(TrialLoop(Listed([training("a"), training("a", 3)], window=1)), heard)
    assert heard == [("a", 1), ("a", 2), ("a", 3)]


def test_a_listener_ends_the_search_and_nothing_more_is_asked_for():
    heard = Heard()
    heard.last = 1
    loop = TrialLoop(Listed(map(training, "abc"), window=1))
    assert run(loop, heard) == ["a"]
    assert not loop.going_on


def test_a_loop_that_continues_reports_the_rest():
    trainings = [training("a"), training("b", 2), training("c")]
    heard, whole, states = Heard(), TrialLoop(Listed(trainings, window=1)), []
    run(whole, lambda event: states.append(whole.state_dict()) or heard(event))
    of_earlier_versions = {**states[3], "results": {"0": {}}}
    for state in (*states[1::2], of_earlier_versions):
        scheduler, rest = Listed(trainings, window=1), Heard()
        loop = TrialLoop(scheduler)
        loop.load_state_dict(state)
        assert loop.replays == (state["spent"] > 1)
        assert run(loop, rest) == ["a", "b", "c"], "whose results are in their folders"
        assert scheduler.told == [("a", 1), ("b", 2), ("c", 1)]
        assert [*heard[: len(heard) - len(rest)], *rest] == heard


def test_if_all_diverged_the_error_names_the_reason():
    class Diverges:
        ran = ()

        def run(self, queue, on_event):
            while queue:
                yield queue.popleft(), TrialResult("diverged", {}, error="the loss became nan")

    loop = TrialLoop(Listed([training("a")]))
    run(loop, executor=Diverges())
    with pytest.raises(DivergedError, match="the loss became nan"):
        loop.best()
    assert TrialLoop(Listed([])).best() == []
