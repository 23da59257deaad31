"""The contract tests of schedulers and of engines find faults, and name them."""

import itertools
from collections import deque
from contextlib import nullcontext

import pytest

from automtl_core.errors import ArtifactError, AutoMTLError
from automtl_core.search.scheduler import Scheduler
from automtl_core.search.trial import Engine, Serial, Training
from automtl_core.settings.settings import Settings
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.run_trial import run_trial
from automtl_testing import check_engine, check_scheduler, trials

calls = itertools.count()


class InTurn(Scheduler):
    """Trains the known candidates in full, one after the other."""

    def __init__(self, settings, proposals):
        super().__init__(settings, proposals)
        self.left, self.trained = list(proposals.known), {}

    def ask(self):
        return Training(self.left.pop(0)) if self.left else None

    def tell(self, training, result):
        if result.metrics:
            self.trained[training.name] = training

    def ranked(self):
        return list(self.trained.values())


class Endless(InTurn):
    def ask(self):
        return Training(self.proposals.draw(next(calls)))


class ByChance(InTurn):
    def ask(self):
        order = next(calls) % 2
        return Training(self.left.pop(-order)) if self.left else None


class Again(InTurn):
    def ask(self):
        return Training(self.proposals.known[0], 3) if self.left and self.left.pop() else None


class TooLong(InTurn):
    def ask(self):
        return Training(self.left.pop(0), 10) if self.left else None


class Waiting(InTurn):
    def ask(self):
        return super().ask() if self.trained or len(self.left) == 4 else None


class RanksAll(InTurn):
    def ranked(self):
        return [Training(candidate) for candidate in self.proposals.known]


def check(scheduler):
    check_scheduler(lambda proposals: scheduler(Settings(), proposals))


def test_a_sound_scheduler_passes():
    check(InTurn)
    check(Waiting)


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (Endless, "must end"),
        (ByChance, "the same"),
        (Again, "with more epochs"),
        (TooLong, "10 epochs, expected 1 to 9"),
        (RanksAll, "a rank, but"),
    ],
)
def test_a_fault_is_named(scheduler, message):
    with pytest.raises(AssertionError, match=message):
        check(scheduler)


class Here(Engine[Settings]):
    """Runs trials in this process."""

    def executor(self, run_trial):
        return nullcontext(self)

    def run(self, specs, on_event):
        yield from Serial(run_trial).run(specs, on_event)


class Loses(Here):
    def run(self, specs, on_event):
        yield from list(Serial(run_trial).run(specs, on_event))[1:]


class Once(Here):
    def run(self, specs, on_event):
        first = deque(specs)
        specs.clear()
        yield from Serial(run_trial).run(first, on_event)


class Drops(Here):
    def run(self, specs, on_event):
        yield from Serial(run_trial).run(
            specs, lambda spec, event: isinstance(event, EpochEnded) or on_event(spec, event)
        )


class GoesOn(Here):
    def run(self, specs, on_event):
        yield from Serial(run_trial).run(specs, lambda spec, event: on_event(spec, event) or True)


class OtherErrors(Here):
    def run(self, specs, on_event):
        try:
            yield from Serial(run_trial).run(specs, on_event)
        except AutoMTLError:
            raise ArtifactError("a worker failed") from None


def test_a_good_engine_passes(tmp_path):
    check_engine(Here(Settings(), 2), tmp_path)


@pytest.mark.parametrize(
    ("engine", "fault"),
    [
        (Loses, "each trial has a result"),
        (Once, "each trial has a result"),
        (Drops, "all epochs come"),
        (GoesOn, "running trials end in order"),
        (OtherErrors, "raised as in this process"),
    ],
)
def test_faults_are_named(engine, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "LONG", 20)  # no message has to reach another process
    with pytest.raises(AssertionError, match=fault):
        check_engine(engine(Settings(), 2), tmp_path)
