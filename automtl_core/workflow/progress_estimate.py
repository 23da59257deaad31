"""How far a whole command is: of epochs, of which it takes at most so many, or of its time budget."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from automtl_core.workflow.budget import TRAIN
from automtl_core.workflow.job import Job


@dataclass(frozen=True)
class Workload:
    """What is before a command when it begins with a search, or with a training."""

    search: int | None
    """Epochs of the search at most; None where nobody can say."""
    training: int
    """Epochs of the training at most."""
    seconds: float | None = None
    """For both, where there is a time budget."""
    then: Sequence["Workload"] = ()
    """What the command does afterwards."""

    @classmethod
    def of(cls, job: Job, then: Sequence["Workload"] = ()) -> Self:
        """Return what is before a job."""
        return cls(job.search_epochs(), job.config.training.epochs, job.config.time_budget, then)

    def most(self) -> float | None:
        """Return how much all of it is at most, in seconds with a time budget, else in epochs."""
        own = self.seconds if self.seconds is not None else _sum([self.search, self.training])
        return _sum([own, *(one.most() for one in self.then)])


class Reached(NamedTuple):
    """How far a command is, in seconds with a time budget, else in epochs."""

    done: float
    most: float | None
    """What there is in all, at most: what ends early makes it less. None where nobody can say."""


class ProgressEstimate:
    """Follows a command by the steps that its listener hears of.

    Args:
        work: The work from now on.

    """

    def __init__(self, work: Workload) -> None:
        self.work = work
        self._most = work.most()
        self._start = time.monotonic()
        self._searched = 0.0  # epochs, up to now
        self._first: int | None = None  # number of the first epoch of the training

    def at(self, phase: str, epoch: int, share: float) -> Reached:
        """Return how far it is in an epoch of a phase of which a share is through."""
        if self.work.seconds is not None:
            return Reached(time.monotonic() - self._start, self._most)
        if phase == TRAIN:
            self._first = epoch if self._first is None else self._first
            done = self._searched + epoch - self._first + share
            spared = None if self.work.search is None else self._searched - self.work.search
            return Reached(done, _sum([self._most, spared]))
        self._searched = epoch - 1 + share
        return Reached(self._searched, self._most)


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
