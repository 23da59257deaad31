"""The contract test of schedulers finds what is wrong."""

import itertools

import pytest

from automtl_core.search.scheduler import Scheduler
from automtl_core.search.trial import Training
from automtl_core.settings.settings import Settings
from automtl_testing import check_scheduler

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
