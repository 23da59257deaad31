"""The limits of a run: a time budget in which search, training and test end, and a sample of rows.

On a large table, trainings of several architectures on all rows would take as long as several runs. Which of
them is better shows on a part of the rows. The trials of a search then read a sample of the training and
validation rows, and only the network of its result is trained on all rows.

Under a time budget the search ends after a share of the time, then the training, each with its best result so
far. Strategies may shorten their phases by the spent time (`Problem.spent`). Results then depend on the
machine.
"""

import time
from dataclasses import dataclass, field, replace

from automtl_core.data.part import some_rows
from automtl_core.run_dir.facts import Budget
from automtl_core.search.trial import Problem
from automtl_core.system import seeds
from automtl_core.training.events import REFIT, TRAIN, EpochEnded, Event, Listener, StepEnded, Warned

ALL, REFIT_SHARE = 0.93, 0.15
"""Share of the time for search, training and refit; and that of the refit alone."""
ENCODINGS = 0.25
"""Largest share of the time for the encoding search, which gains more than an architecture does."""
SEARCH, WHOLE = 0.55, 0.75
"""Share of the time for a search; and for one that also trains the network, on all rows."""
TRIAL_ROWS, VALIDATION_ROWS = 1_000_000, 200_000
"""Least number of rows of the trials of a search, where they read a sample: for training, for validation."""


@dataclass(eq=False)
class Clock:
    """Listener that ends the search, then the training, when their time is over."""

    listener: Listener
    """Receives all events, and may end a loop earlier."""
    budget: Budget
    """The seconds from `start` on, and the shares of them after which phases end."""
    start: float = field(default_factory=lambda: time.monotonic())
    """Start of the run, by `time.monotonic`."""
    ended: dict[str, int] = field(default_factory=dict, init=False)
    warned: list[str] = field(default_factory=list, init=False)
    _asked: float | None = field(default=None, init=False)  # at the first call of `lasts`
    _epoch: int = field(default=1, init=False)  # of the last event

    def __call__(self, event: Event) -> bool:
        """Pass the event on, and check the time at the end of steps and epochs."""
        going_on = self.listener(event)
        if isinstance(event, Warned):
            self.warned.append(event.sentence)
        if not isinstance(event, StepEnded | EpochEnded):
            return going_on
        self._epoch = event.epoch
        ends = {TRAIN: self.budget.train, REFIT: self.budget.refit}
        if not going_on or self._share() < ends.get(event.phase, self.budget.search):
            return going_on
        self.ended.setdefault(event.phase, event.epoch)
        return False

    def spent(self) -> float:
        """Return the spent share of the time for the search, see `Problem.spent`."""
        return min(self._share() / self.budget.search, 1.0) if self.budget.search else 1.0

    def lasts(self, share: float) -> bool:
        """Return whether a training of several parts has time to go on up to this share of its work.

        The time before the first call, for the preparation of rows, does not count for any part.
        """
        now = self._share()
        self._asked = now if self._asked is None else self._asked
        in_time = now < self._asked + (self.budget.train - self._asked) * share
        if not in_time:
            self.ended.setdefault(TRAIN, self._epoch)
        return in_time

    def has_time(self, seconds: float) -> bool:
        """Return whether there is time for a refit of so many seconds."""
        return self._share() + seconds / self.budget.seconds < self.budget.refit

    def _share(self) -> float:
        return (time.monotonic() - self.start) / self.budget.seconds


def trial_rows(rows: int) -> int | None:
    """Return the number of training rows for the trials of a search on this number; None for all.

    Below ten times `TRIAL_ROWS` a sample saves little; above, trials read a twentieth of the rows.
    """
    return max(TRIAL_ROWS, rows // 20) if rows > 10 * TRIAL_ROWS else None


def with_rows(problem: Problem, count: int) -> Problem:
    """Return the problem with a random sample of training rows, and of as large a share of validation rows.

    Small samples would not show the differences between networks, so there are `VALIDATION_ROWS` at least.
    """
    train, validation = problem.data.train, problem.data.validation
    if count >= len(train):
        return problem
    rows = some_rows(len(train), count, seeds.generator(problem.seed, "budget"), train.lists)
    least = max(VALIDATION_ROWS, len(validation) * count // len(train))
    if least < len(validation):
        random = seeds.generator(problem.seed, "budget of validation")
        validation = validation.some(some_rows(len(validation), least, random, validation.lists))
    return replace(problem, data=replace(problem.data, train=train.some(rows), validation=validation))
