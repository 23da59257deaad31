"""Trials are values; their loop gives events and results in the order of the trainings."""

import pickle
from collections import deque
from dataclasses import fields, replace

import pytest

from automtl_core.choices import Architecture
from automtl_core.errors import DivergedError
from automtl_core.search.scheduler import Proposals, Scheduler, TrialLoop
from automtl_core.search.trial import Serial, Training, TrialResult, Trials
from automtl_core.settings.settings import Settings
from automtl_core.training.events import SILENT, EpochEnded, StepEnded, Warned
from automtl_core.training.recipe import Recipe
from automtl_testing.samples import binary_metrics


class Config(Settings):
    seed: int = 0
    data_dir: str = "raw"
    prepared_dir: str = ""


SPEC = Training(config=Config(), data="prepared/x", folder="trials")
WEIGHTLESS = ("name", "overrides", "epochs", "loss_rows", "folder", "whole", "test", "encoding_search")


def test_a_training_is_a_value_whose_digest_stays():
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC  # noqa: S301 - our own bytes
    assert len({SPEC, replace(SPEC)}) == 1
    assert SPEC.digest == "6b15c525d9aac2c2"
    for change in ({"config": Config(data_dir="elsewhere", prepared_dir="there")}, {"data": "elsewhere/x"}):
        assert replace(SPEC, **change).digest == SPEC.digest


@pytest.mark.parametrize("name", [field.name for field in fields(Training)])
def test_each_field_changes_the_name_or_is_listed(name):
    others = {bool: True, int: 7, str: "other", type(None): 7, tuple: (7,), Config: Config(seed=1)}
    others |= {dict: {"training": {"learning_rate": 0.1}}, Architecture: Architecture({"op": "identity"})}
    other = others[type(getattr(SPEC, name))]
    changed = replace(SPEC, **{name: other})
    assert (changed.digest == SPEC.digest) == (name in WEIGHTLESS)


def test_each_architecture_has_a_folder_of_its_own():
    trials = Trials(SPEC, config=lambda overrides: Config(**overrides["run"]))
    trainings = [Training("it", Architecture({"op": op})) for op in ("a", "b")]
    one, other = map(trials.placed, trainings)
    assert one.folder == f"trials/{one.digest}"
    assert one.folder != other.folder
    assert trials.placed(replace(trainings[0], epochs=4, loss_rows=2)).folder == one.folder
    tuned = replace(trainings[0], overrides={"run": {"seed": 3}})
    assert trials.placed(tuned).folder != one.folder


def test_trials_run_in_turn_until_a_listener_has_enough():
    ran = []

    def run(spec, listener):
        ran.append(spec.epochs)
        listener(Warned(str(spec.epochs)))
        return TrialResult("done", {})

    specs = [replace(SPEC, epochs=k) for k in (1, 2, 3)]
    results = list(Serial(run).run(deque(specs), lambda spec, event: spec.epochs < 2))
    assert ran == [1, 2]
    assert [spec for spec, _ in results] == specs[:2]


METRICS = {"click": binary_metrics(0.7, 0.5, 100, 400)}


class Listed(Scheduler):
    """Asks for a list of trainings."""

    def __init__(self, trainings, window=9):
        super().__init__(Settings(), Proposals([], Recipe()))
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

    def __init__(self, last=None):
        self.last = last

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
    assert run(TrialLoop(Listed(map(training, "abcd"), window=2))) == ["b", "a", "d", "c"]


def test_equal_or_continued_trainings_are_run_and_reported_once():
    scheduler, heard = Listed([training("a"), training("a"), training("b")], window=2), Heard()
    assert run(TrialLoop(scheduler), heard) == ["a", "b"]
    assert scheduler.told == [("a", 1), ("a", 1), ("b", 1)]
    assert heard == [("a", 1), ("b", 2)]
    run(TrialLoop(Listed([training("a"), training("a", 3)], window=1)), heard := Heard())
    assert heard == [("a", 1), ("a", 2), ("a", 3)]


def test_a_listener_ends_the_search_and_nothing_more_is_asked_for():
    loop = TrialLoop(Listed(map(training, "abc"), window=1))
    assert run(loop, Heard(last=1)) == ["a"]
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
