"""A run at work: the one value that its stages read, and the records of its epochs."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from automtl_core.data.store import Prepared
from automtl_core.errors import ArtifactError, one_line
from automtl_core.registry.kinds import LISTENERS
from automtl_core.run_dir.facts import Budget, Costs, Identity, Result
from automtl_core.run_dir.identity import check_checkpoint
from automtl_core.run_dir.progress import SEARCH, TEST, Command, reduced, remove
from automtl_core.run_dir.run import Run
from automtl_core.search.trial import Executor, Training, TrialBegan
from automtl_core.space import SearchSpace
from automtl_core.system.state import load_checkpoint, save_checkpoint
from automtl_core.training.events import (
    REFIT,
    TRAIN,
    EpochEnded,
    Event,
    Listener,
    PhaseBegan,
    Resumable,
    RunBegan,
    RunListener,
    Warned,
    phase,
)
from automtl_core.workflow.budget import Clock
from automtl_core.workflow.job import Job, Problems

TRIALS = "trials"
"""Folder in a run directory with the trainings of an unfinished run."""
log = logging.getLogger("automtl")


class Recorder:
    """Listener that records the epochs of a run, saves the state of its search, and passes events on.

    An epoch that is told again, by a loop that goes on from an earlier one, is ignored.
    """

    def __init__(self, run: Run, listener: Listener) -> None:
        self.run = run
        self.listener = listener
        self.reports = run.reports()
        self.costs = run.read(Costs)
        own = {phase: s for phase, s in self.costs.seconds.items() if phase in (TRAIN, REFIT)}
        self.seconds = {**self.costs.of_phases, **own}
        """Phase -> its seconds, in all processes."""
        self._told = {(report["phase"], report["epoch"]) for report in self.reports}
        self._loop: Resumable | None = None
        self._since = time.monotonic()

    def follow(self, loop: Resumable) -> None:
        """Save the state of a search from now on; first restore the state that was saved.

        Raises:
            ArtifactError: the state belongs to another run or loop.

        """
        saved = load_checkpoint(self.run.path, self._warn)
        check_checkpoint(self.run, saved)
        if saved and saved.get("stage", SEARCH) == SEARCH:  # else of a training, by an old version
            try:
                loop.load_state_dict(saved["state"])
            except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
                raise ArtifactError(
                    f"{self.run.path}: the checkpoint does not fit the run or this version: {error}",
                    "restore it from a copy, or start again",
                ) from None
            log.info("the search continues after %d epochs", len(self.reports))
        self._loop, self._since = loop, time.monotonic()

    def _warn(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self.listener(Warned(sentence))

    def __call__(self, event: Event) -> bool:
        """Record the epochs, and pass all events on; return the result of the other listener."""
        if isinstance(event, TrialBegan):  # the training of the run, after its search
            self._loop, self._since = None, time.monotonic()
            return True
        if isinstance(event, EpochEnded):
            if (event.phase, event.epoch) in self._told:
                return True
            self._record(event)
        return self.listener(event)

    def _record(self, report: EpochEnded) -> None:
        """Write the report, the costs, and the state of the search; raises as `Run.check_whole` does."""
        self.run.check_whole()
        self.reports.append(report.to_json())
        self._told.add((report.phase, report.epoch))
        self.run.write_reports(self.reports)
        now = time.monotonic()
        self.seconds[report.phase] = self.seconds.get(report.phase, 0.0) + now - self._since
        self._since = now
        self.write_costs()
        if self._loop is not None:
            identity = self.run.read(Identity).to_json()
            save_checkpoint(self.run.path, {"identity": identity, "state": self._loop.state_dict()})
        log.info(
            "%s epoch %d: %s", report.phase, report.epoch, {t: m.score for t, m in report.metrics.items()}
        )

    def write_costs(self, **values: Any) -> None:
        """Write the seconds so far, and other values of the costs."""
        search = {phase: s for phase, s in self.seconds.items() if phase not in (TRAIN, REFIT)}
        own = {phase: self.seconds[phase] for phase in (TRAIN, REFIT) if phase in self.seconds}
        seconds = {**self.costs.seconds, SEARCH: sum(search.values()), TRAIN: 0.0, **own}
        self.costs = replace(self.costs, seconds=seconds, of_phases=search, **values)
        self.run.write(self.costs)


@dataclass(frozen=True)
class Work:
    """A run with all that its stages need."""

    job: Job
    """The job of the run, without settings `auto`."""
    run: Run
    """The run, locked by this process."""
    prepared: Prepared
    """The data of the run."""
    listener: Listener
    """Receives progress, and may end the search or the training."""
    space: SearchSpace | None = None
    """The space of the job for the data, which is checked; None to make it where a stage needs it."""
    executor: Executor | None = None
    """Runs the trials of the search; None for a search that needs none."""
    anyway: bool = False
    """Whether to continue in another environment than that of the start."""
    start: float = field(default_factory=time.monotonic)

    @cached_property
    def recorder(self) -> Recorder:
        """The records of the run, which the clock listens to."""
        return Recorder(self.run, self.clock or self.listener)

    @cached_property
    def clock(self) -> Clock | None:
        """The clock of a time budget, which counts the seconds of earlier processes too."""
        if (budget := self.run.get(Budget)) is None:
            return None
        costs = self.run.read(Costs)
        spent = sum(s for phase, s in costs.seconds.items() if phase != "encoding_search")
        return Clock(self.listener, replace(budget, seconds=budget.seconds - spent), self.start)

    @cached_property
    def problems(self) -> Problems:
        """The problems of the trainings of the run."""
        return Problems(self.job.registry, self.prepared)

    def training(self, folder: str, **values: Any) -> Training:
        """Return a training of the run in a folder of its trials, with the settings that the search chose."""
        place, data = self.run.path.absolute() / TRIALS / folder, str(self.prepared.path)
        return Training(**{"config": self.run.config(), "data": data, "folder": str(place), **values})

    @cached_property
    def checked(self) -> SearchSpace:
        """The space of the job for the data; raises as `Job.checked`."""
        return self.space or self.job.checked(self.prepared)


SECONDS = 1.0
"""Least time between two writes of the progress."""


@contextmanager
def observed(work: Work, begin: PhaseBegan) -> Iterator[Listener]:
    """Yield a listener that passes events on to that of a run, to the listeners of its job, and to a file.

    Args:
        work: The run.
        begin: The begin of the run, with its stages, which is sent first.

    """
    job, run, listener = work.job, work.run, work.listener
    path, settings = run.path.absolute(), job.config.model_dump(mode="json")
    state, written, error = Command(), float("-inf"), None
    observers: dict[str, RunListener] = {}
    names = list(job.config.listeners)

    def observe(use: Callable[[str], None]) -> None:
        """Use each listener of a plugin; one that fails is left out from then on."""
        for name in list(names):
            try:
                use(name)
            except Exception as failure:
                names.remove(name)
                about = f"the listener {name!r} of plugin {job.registry.supplier(LISTENERS, name).name!r}"
                listener(Warned(f"{about} failed and is left out: {one_line(failure)}"))

    def pass_on(event: Event) -> bool:
        nonlocal state, written
        state = reduced(state, event, time.time())
        if event is not begin:
            observe(lambda name: observers[name].receive(event))
        if time.monotonic() - written >= SECONDS:
            written = time.monotonic()
            state.shown.write(run.path)
        return listener(event)

    observe(lambda name: observers.update({name: job.registry.get(LISTENERS, name)(path, settings)}))
    try:
        with phase(pass_on, begin):
            if begin.phase != TEST:
                pass_on(RunBegan(run.path, tuple(map(EpochEnded.from_json, run.reports()))))
            yield pass_on
        remove(run.path)
        result = run.get(Result)
        if result is not None and (test := result.test) is not None:
            observe(lambda name: observers[name].tested(test))
    except BaseException as raised:
        error = raised
        raise
    finally:
        observe(lambda name: observers[name].close(error))
