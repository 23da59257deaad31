"""Progress of a whole command, and its remaining time.

The remaining time is a sum over the loops that are still to come: expected epochs, times rows of an epoch,
times seconds of a row. Seconds of a row are measured in each phase; a phase without a measurement is as fast
as the mean of the others. A training with early stopping is expected to take as many epochs as the trainings
that have ended so far, at first `TYPICAL` times its patience, and never fewer than its patience still
requires; the longer its score stays the same, the more likely it ends when its patience does. A run of a
comparison is expected to take as long as earlier runs of the same model.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import NamedTuple, Self

from automtl_core.data.store import Prepared
from automtl_core.training.batches import steps
from automtl_core.training.events import (
    PREDICTION,
    EpochEnded,
    Event,
    Loop,
    LoopsAhead,
    OfTrial,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    StepEnded,
)
from automtl_core.workflow.budget import TRAIN
from automtl_core.workflow.importance import PHASE as IMPORTANCE
from automtl_core.workflow.job import Job
from automtl_core.workflow.sample import training_epochs

PREPARATION, ENCODING_SEARCH, TRAINING, TESTING = "preparation", "encoding search", "training", "test"
"""Phases of a command in events. The search is part of the training, and so is the test of a single run."""
SEARCH = ""
"""Phase of the loop of a search whose own phases are unknown."""
TYPICAL = 3
"""Epochs of a training with early stopping, as a multiple of its patience: measured on generated data."""
ENCODING_EPOCHS = 15
"""Duration of the encoding search, in epochs of a training on its rows; measured likewise."""
SEARCHED = 0.4
"""Share of the maximum number of epochs that a search takes if its loops are unknown; measured likewise."""
FORGET = 0.8
"""Weight of an epoch in the speed of its phase, against the epoch after it."""


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
    rows: int = 1
    """Rows of an epoch."""
    patience: int | None = None
    """Patience of early stopping of the training."""
    tested: float = 0.0
    """Rows that test and permutation importance predict, each as `PREDICTION` of a row."""
    model: str = ""
    """Name of space and strategy: equal models are expected to take equally long."""
    encoding: int = 0
    """Rows of an epoch of the encoding search."""

    @classmethod
    def of(cls, job: Job, prepared: Prepared, then: Sequence["Workload"] = ()) -> Self:
        """Return the work of a job on its data."""
        config, rows, test = job.config, len(prepared.part("train")), len(prepared.part("test"))
        permuted = min(config.importance.rows, test) * len(prepared.schema.fields())
        return cls(
            job.search_epochs(),
            training_epochs(job, rows),
            config.time_budget,
            then,
            rows,
            config.training.patience_for(steps(rows, config.training.batch_size)),
            (test + permuted) * PREDICTION,
            f"{config.space.name}:{config.strategy.name}" if config.strategy else config.space.name,
            min(rows, config.encoding_search.rows),
        )

    def trained(self) -> "Workload":
        """Return the work without the test."""
        return replace(self, tested=0.0)

    def most(self) -> float | None:
        """Return the maximum of all work, in seconds under a time budget, else in epochs."""
        own = self.seconds if self.seconds is not None else _sum([self.search, self.training])
        return _sum([own, *(one.most() for one in self.then)])

    def loops(self) -> list[Loop]:
        """Return the loops of search, training and test, without those of `then`."""
        loops = [
            Loop(SEARCH, self.search, self.rows),
            Loop(TRAIN, self.training, self.rows, self.patience),
            Loop(IMPORTANCE, 1 if self.tested else 0, self.tested, trains=False),
        ]
        return [loop for loop in loops if loop.epochs != 0]


class Reached(NamedTuple):
    """Progress of a command, in seconds under a time budget, else in epochs."""

    done: float
    most: float | None
    """Maximum of the work; phases that end early reduce it. None where it is unknown."""


@dataclass
class _Speed:
    """Duration of some epochs, and their rows."""

    seconds: float = 0.0
    epochs: float = 0.0
    rows: float = 0.0

    def add(self, seconds: float, epochs: float, rows: float) -> None:
        self.seconds, self.epochs = self.seconds + seconds, self.epochs + epochs
        self.rows += epochs * rows

    def forget(self) -> None:
        """Let later epochs count more."""
        self.seconds, self.epochs, self.rows = FORGET * self.seconds, FORGET * self.epochs, FORGET * self.rows


@dataclass
class _Run:
    """The state of a run, of which several may be at work at once."""

    last: float
    """Time of its last event."""
    began: float
    work: Workload = Workload(0, 0)
    ahead: list[Loop] = field(default_factory=list)
    done: float = 0.0
    """Epochs of the first loop ahead."""
    trained: defaultdict[str, float] = field(default_factory=partial(defaultdict, float))
    """Phase -> epochs of its training."""
    stale: Counter[str] = field(default_factory=Counter)
    """Phase -> epochs since its best one."""
    ended: bool = False

    def is_current(self, phase: str) -> bool:
        return bool(self.ahead) and self.ahead[0].phase == phase


class ProgressEstimate:
    """Estimates the progress of a command from its events.

    Runs that are at work at once divide the later work among themselves.

    Args:
        clock: Function that returns the time in seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._run = _Run(self._start, self._start)  # that of the latest event
        self._runs = {"": self._run}  # at work, by the name of the trial
        self._then: Sequence[Workload] = ()
        self._at_once = 1  # largest number of runs at once
        self._epochs = 0.0  # epochs of all loops so far
        self._speeds: defaultdict[str, _Speed] = defaultdict(_Speed)
        self._ended: list[float] = []  # epochs of the trainings that have ended
        self._took: defaultdict[str, list[float]] = defaultdict(list)  # model -> seconds of its runs

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        run = self._run
        match event:
            case OfTrial(trial):
                self._turn_to(trial)
            case PhaseBegan(name, Workload() as work):
                self._begin(name, work)
            case PhaseBegan() | RunBegan():
                run.last = self._clock()
            case LoopsAhead(loops):
                rest = [loop for loop in run.ahead if loop.phase in (TRAIN, IMPORTANCE)]
                run.ahead, run.done = [*loops, *rest], 0.0
            case ProgressMade():
                self._move(event.phase, event.share - (run.done if run.is_current(event.phase) else 0.0))
            case StepEnded():
                self._step(event)
            case EpochEnded():
                self._move(event.phase, 0.0)
                self._speeds[event.phase].forget()
                better = event.change is None or event.change > 0
                run.stale[event.phase] = 0 if better else run.stale[event.phase] + 1
            case PhaseEnded(name):
                self._end(name)

    def reached(self) -> Reached:
        """Return the progress."""
        if self._run.work.seconds is not None:
            return Reached(self._clock() - self._start, self._most())
        runs = self._runs.values()
        own = [loop.epochs for run in runs for loop in run.ahead if loop.trains]
        begun = sum(run.done for run in runs if run.ahead and run.ahead[0].trains)
        rest = _sum([*own, *(one.most() for one in self._then)])
        return Reached(self._epochs, None if rest is None else self._epochs - begun + rest)

    @property
    def unit(self) -> str:
        """The unit of the progress."""
        return "epochs" if self._run.work.seconds is None else "s"

    def left(self) -> float | None:
        """Return the estimate of the remaining seconds; None where there is none yet."""
        now, runs = self._clock(), list(self._runs.values())
        totals = [_sum(list(self._seconds(run.ahead, run))) for run in runs]
        own = [
            None if total is None else total - (now - run.last)
            for total, run in zip(totals, runs, strict=True)
        ]
        total = _sum([*own, *map(self._seconds_of, self._then)])
        known: list[float] = []
        if total is not None and self._speeds:
            at_once = min(self._at_once, len(runs) + len(self._then))
            known.append(max([total / at_once, *(one for one in own if one is not None)]))
        if self._run.work.seconds is not None:
            known.append((self._most() or 0.0) - (now - self._start))
        return max(min(known), 0.0) if known else None

    def _most(self) -> float | None:
        """Return the maximum of all work under a time budget, in seconds since the start."""
        most = replace(self._run.work, then=self._then).most()
        return None if most is None else self._run.began - self._start + most

    def _turn_to(self, trial: str) -> None:
        """Let the next events belong to a trial."""
        self._runs = {name: run for name, run in self._runs.items() if name and not run.ended}
        self._run = self._runs.setdefault(trial, _Run(self._clock(), self._clock()))
        self._at_once = max(self._at_once, len(self._runs))

    def _begin(self, phase: str, work: Workload) -> None:
        """Replace the earlier work of the run, and that after it."""
        now, run = self._clock(), self._run
        if run.work.seconds is None and len(self._runs) == 1:
            self._start = now
        run.work, run.ahead, run.done, run.ended = work, work.loops(), 0.0, False
        self._then = work.then
        if phase == ENCODING_SEARCH:
            run.ahead.insert(0, Loop(phase, 1, ENCODING_EPOCHS * work.encoding, trains=False))
        run.began = run.last = now
        run.trained.clear()
        run.stale.clear()

    def _end(self, phase: str) -> None:
        """Drop the loops of a phase that has ended; with the training ends the whole run."""
        run = self._run
        if phase == TRAINING:
            if run.trained:
                self._took[run.work.model].append(self._clock() - run.began)
            self._end_loop()
            run.ahead, run.ended = [], True
        elif run.is_current(phase):
            self._drop(1)
        run.last = self._clock()

    def _step(self, event: StepEnded) -> None:
        run = self._run
        if event.phase == TRAIN and not self._epochs and event.epoch > 1:  # a training that is resumed
            self._move(TRAIN, 0.0)
            run.done = run.trained[TRAIN] = event.epoch - 1
        share = 1 / event.steps if event.rows else 1.0
        first = bool(event.rows) and not run.trained[event.phase]
        self._move(event.phase, share, measured=not first)  # the first step includes preparations
        if event.rows:
            self._epochs += share
            run.trained[event.phase] += share

    def _move(self, phase: str, epochs: float, measured: bool = True) -> None:
        """Add a part of an epoch; if it is measured, it has taken the time since the last event."""
        now, run = self._clock(), self._run
        names = [loop.phase for loop in run.ahead]
        generic = SEARCH if phase not in (TRAIN, IMPORTANCE, ENCODING_SEARCH) else phase
        place = next((names.index(name) for name in (phase, generic) if name in names), None)
        if place is not None:
            if place:
                self._drop(place)
            if measured:
                self._speeds[phase].add(now - run.last, epochs, run.ahead[0].rows)
            run.done += epochs
        run.last = now

    def _drop(self, count: int) -> None:
        """Drop loops that have ended."""
        self._end_loop()
        self._run.ahead, self._run.done = self._run.ahead[count:], 0.0

    def _end_loop(self) -> None:
        """Remember the epochs of a training that ended early."""
        run = self._run
        loop = run.ahead[0] if run.ahead else None
        if loop and loop.patience is not None and run.stale[loop.phase] >= loop.patience:
            self._ended.append(run.trained[loop.phase])

    def _seconds(self, loops: Sequence[Loop], run: _Run | None = None) -> Iterator[float | None]:
        """Yield the expected duration of the rest of each loop; those of a run may have begun."""
        rows = sum(speed.rows for speed in self._speeds.values())
        row = sum(speed.seconds for speed in self._speeds.values()) / rows if rows else None
        by_then = defaultdict(float, run.trained if run else {})
        for place, loop in enumerate(loops):
            done = run.done if run and not place else 0.0
            stale = run.stale[loop.phase] if run else 0
            epochs = self._epochs_left(loop, done, by_then[loop.phase], stale)
            by_then[loop.phase] += epochs or 0.0
            own = self._speeds.get(loop.phase)
            epoch = own.seconds / own.epochs if own and own.epochs else row and row * loop.rows
            yield None if epochs is None or epoch is None else epochs * epoch

    def _epochs_left(self, loop: Loop, done: float, trained: float, stale: int) -> float | None:
        """Return the expected number of epochs of the rest of a loop.

        The more of its patience is used up, the more likely the end is at its patience.
        """
        if loop.epochs is None:
            return None
        most = max(loop.epochs - done, 0.0)
        if loop.patience is None:
            return SEARCHED * most if loop.phase == SEARCH else most
        typical = fmean(self._ended) if self._ended else TYPICAL * loop.patience
        soon, used = max(loop.patience - stale, 0.0), min(stale / loop.patience, 1.0)
        return min(most, used * soon + (1 - used) * max(typical - trained, soon))

    def _seconds_of(self, work: Workload) -> float | None:
        """Return the expected duration of later work."""
        if took := self._took.get(work.model):
            return fmean(took)
        return _sum(list(self._seconds(work.loops())))


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
