"""A run at work: the one value that goes down the stages of a run."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from torch import nn

from automtl_core.data.store import Prepared
from automtl_core.errors import ArtifactError, one_line
from automtl_core.registry.kinds import LISTENERS
from automtl_core.run_dir.facts import Budget, Identity, Result
from automtl_core.run_dir.identity import check_checkpoint
from automtl_core.run_dir.progress import TEST, Command, reduced, remove
from automtl_core.run_dir.run import Run
from automtl_core.search.strategy import Problem, SearchResult
from automtl_core.search.trial import Executor
from automtl_core.space import SearchSpace
from automtl_core.system.state import State
from automtl_core.training.events import (
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
from automtl_core.workflow.job import Job

log = logging.getLogger("automtl")


class Recorder:
    """Listener that saves the state of a loop at each epoch, and passes events on."""

    def __init__(self, run: Run, listener: Listener) -> None:
        self.run = run
        self.listener = listener
        self.identity = run.read(Identity).to_json()
        self.saved: State = run.checkpoint(self._warn) or {"identity": self.identity}
        check_checkpoint(run, self.saved.get("identity", {}))
        self.stage = str(self.saved.get("stage", ""))
        self.reports: list[dict[str, Any]] = list(self.saved.get("reports", []))
        self.seconds: dict[str, float] = dict(self.saved.get("seconds", {}))
        self.loop: Resumable | None = None
        self._since = time.monotonic()
        run.write_reports(self.reports)

    def follow(self, stage: str, loop: Resumable) -> None:
        """Save this loop from now on; first restore the state that was saved in this stage.

        Raises:
            ArtifactError: the state belongs to another loop.

        """
        if self.stage == stage:
            try:
                loop.load_state_dict(self.saved["state"])
            except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
                raise ArtifactError(
                    f"{self.run.path}: the checkpoint does not fit the run or this version: {error}",
                    "restore it from a copy, or start again",
                ) from None
            log.info("continues in stage %s after %d epochs", stage, len(self.reports))
        self.stage, self.loop = stage, loop
        self._since = time.monotonic()

    def _warn(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self.listener(Warned(sentence))

    def __call__(self, event: Event) -> bool:
        """Save the epochs, and pass all events on; return the result of the other listener."""
        if isinstance(event, EpochEnded):
            self._save(event)
        return self.listener(event)

    def _save(self, report: EpochEnded) -> None:
        """Write the report, and save the state of the loop; raises as `Run.check_whole` does."""
        self.run.check_whole()
        self.reports.append(report.to_json())
        self.run.write_reports(self.reports)
        now = time.monotonic()
        self.seconds[report.phase] = self.seconds.get(report.phase, 0.0) + now - self._since
        self._since = now
        self.run.save_checkpoint(
            {
                "identity": self.identity,
                "stage": self.stage,
                "seconds": self.seconds,
                "state": self.loop.state_dict() if self.loop else {},
                "reports": self.reports,
            }
        )
        log.info(
            "%s epoch %d: %s", report.phase, report.epoch, {t: m.score for t, m in report.metrics.items()}
        )


@dataclass
class Work:
    """A run with all that its stages need, and the network that they hand on."""

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
    found: SearchResult | None = None
    """The result of the search, whose network goes on; None if an earlier process did the search."""
    network: nn.Module | None = None
    """The trained network; None if an earlier process trained it."""
    start: float = field(default_factory=time.monotonic)

    @cached_property
    def recorder(self) -> Recorder:
        """The checkpoints of the run."""
        return Recorder(self.run, self.listener)

    @cached_property
    def clock(self) -> Clock | None:
        """The clock of a time budget, which listens, and counts the seconds of earlier processes too."""
        if (budget := self.run.get(Budget)) is None:
            return None
        left = budget.seconds - sum(self.recorder.seconds.values())
        clock = Clock(self.recorder.listener, replace(budget, seconds=left), self.start)
        self.recorder.listener = clock
        return clock

    @cached_property
    def problem(self) -> Problem:
        """The problem of the training, with the settings that the search chose."""
        config = self.run.config()
        if config == self.run.initial_config():
            return self.job.problem(self.prepared, space=self.checked_space())
        return self.job.of(config).problem(self.prepared)

    def checked_space(self) -> SearchSpace:
        """Return the space of the job for the data; raises as `Job.checked`."""
        self.space = self.space or self.job.checked(self.prepared)
        return self.space


@dataclass(frozen=True)
class Stage:
    """A stage of a run: a run goes on with the first stage that is not done."""

    name: str
    do: Callable[[Work], None]
    """Does the stage, and records its result in the run."""
    done: Callable[[Work], bool]
    """Returns whether the run has its result."""


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
