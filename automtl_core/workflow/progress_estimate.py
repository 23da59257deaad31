"""Progress of a whole command: finished epochs of a maximum, or spent seconds of a time budget."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from automtl_core.workflow.budget import TRAIN
from automtl_core.workflow.job import Job


@dataclass(frozen=True)
class Workload:
    """The remaining work of a command at the start of a search or a training."""

    search: int | None
    """Largest number of epochs of the search; None where it is unknown."""
    training: int
    """Largest number of epochs of the training."""
    seconds: float | None = None
    """Seconds for both, under a time budget."""
    then: Sequence["Workload"] = ()
    """Work of the command after that."""

    @classmethod
    def of(cls, job: Job, then: Sequence["Workload"] = ()) -> Self:
        """Return the work of a job."""
        return cls(job.search_epochs(), job.training_epochs(), job.config.time_budget, then)

    def most(self) -> float | None:
        """Return the maximum of all work, in seconds under a time budget, else in epochs."""
        own = self.seconds if self.seconds is not None else _sum([self.search, self.training])
        return _sum([own, *(one.most() for one in self.then)])


class Reached(NamedTuple):
    """Progress of a command, in seconds under a time budget, else in epochs."""

    done: float
    most: float | None
    """Maximum of the work; phases that end early reduce it. None where it is unknown."""


class ProgressEstimate:
    """Estimates the progress of a command from its steps.

    Args:
        work: The remaining work.

    """

    def __init__(self, work: Workload) -> None:
        self.work = work
        self._most = work.most()
        self._start = time.monotonic()
        self._searched = 0.0  # epochs so far
        self._first: int | None = None  # number of the first epoch of the training

    def at(self, phase: str, epoch: int, share: float) -> Reached:
        """Return the progress at a share of an epoch of a phase."""
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
