"""The monitor of a command: events become a snapshot of its progress, for displays."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from automtl_core.run_dir.snapshot import Snapshot
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import (
    EpochEnded,
    Event,
    OfTrial,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    StepEnded,
)
from automtl_core.workflow.budget import TRAIN
from automtl_core.workflow.importance import PHASE as IMPORTANCE
from automtl_core.workflow.progress_estimate import (
    ENCODING_SEARCH,
    TESTING,
    TRAINING,
    ProgressEstimate,
    Workload,
)

DECISIONS = 20
"""Number of decisions in a snapshot."""


@dataclass
class _Followed:
    """The progress of one run."""

    parts: tuple[str, ...] = ()
    phase: str = ""
    stage: str = ""
    epoch: int = 0
    share: float = 0.0
    rate: float | None = None
    since: float = 0.0
    """Time at the end of the first step of the epoch, whose duration is unknown."""
    rows: int = 0
    """Rows at that time."""
    reports: list[EpochEnded] = field(default_factory=list)
    decisions: deque[Evidence] = field(default_factory=lambda: deque(maxlen=DECISIONS))
    ended: bool = False

    def begin(self, phase: str, work: Workload) -> None:
        encodes = phase == ENCODING_SEARCH or ENCODING_SEARCH in self.parts
        parts = {
            ENCODING_SEARCH: encodes,
            "search": work.search != 0,
            "training": work.training,
            TESTING: True,
        }
        if phase != TESTING:
            self.parts = tuple(part for part, there in parts.items() if there)
            self.reports.clear()
            self.decisions.clear()
        self.ended = False

    def part(self) -> str:
        if self.phase in (ENCODING_SEARCH, TESTING):
            return self.phase
        if self.phase in (IMPORTANCE, ""):
            return TESTING if self.phase else ""
        return "training" if self.phase == TRAIN or "search" not in self.parts else "search"

    def step(self, event: StepEnded) -> None:
        if (event.phase, event.epoch) != (self.phase, self.epoch):
            self.since, self.rows = time.monotonic(), event.rows
        self.set(event.phase, "", event.epoch, event.done / event.steps)
        seconds, rows = time.monotonic() - self.since, event.rows - self.rows
        self.rate = rows / seconds if rows > 0 and seconds > 0 else None

    def set(self, phase: str, stage: str, epoch: int, share: float) -> None:
        self.phase, self.stage, self.epoch, self.share = phase, stage, epoch, share


class Monitor:
    """Follows the events of a command; another thread may take snapshots.

    Of several trials that run at once, snapshots show the one that began first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._estimate = ProgressEstimate()
        self._start = time.monotonic()
        self._run = _Followed()  # that of the latest event
        self._runs = {"": self._run}  # at work, by the name of the trial; the first one is shown

    @property
    def reports(self) -> list[EpochEnded]:
        """The epochs of the shown run."""
        return self._shown().reports

    @property
    def trials(self) -> tuple[str, ...]:
        """The names of the trials at work, that of the shown one first."""
        return tuple(name for name in self._runs if name)

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        with self._lock:
            self._receive(event)

    def _receive(self, event: Event) -> None:
        self._estimate(event)
        run = self._run
        match event:
            case OfTrial(trial):
                self._turn_to(trial)
            case RunBegan(_, reports):
                run.reports.extend(reports)
            case PhaseBegan(name, work):
                if isinstance(work, Workload):
                    run.begin(name, work)
                run.set(name, "", 0, 0.0)
            case PhaseEnded(name):
                run.rate, run.ended = None, name == TRAINING
            case ProgressMade():
                run.set(event.phase, event.stage, 0, event.share)
            case StepEnded():
                run.step(event)
            case EpochEnded():
                run.reports.append(event)
            case DecisionMade(evidence):
                run.decisions.append(evidence)

    def snapshot(self) -> Snapshot:
        """Return the progress now."""
        with self._lock:
            return self._snapshot()

    def _snapshot(self) -> Snapshot:
        done, most = self._estimate.reached()
        run = self._shown()
        return Snapshot(
            parts=run.parts,
            part=run.part(),
            phase=run.phase,
            stage=run.stage,
            epoch=run.epoch,
            share=run.share,
            rows_per_second=run.rate,
            done=done,
            most=most,
            unit=self._estimate.unit,
            seconds=time.monotonic() - self._start,
            left=self._estimate.left(),
            decisions=tuple(run.decisions),
            time=time.time(),
        )

    def _shown(self) -> _Followed:
        return next(iter(self._runs.values()))

    def _turn_to(self, trial: str) -> None:
        """Let the next events belong to a trial."""
        if trial not in self._runs:
            parts = self._run.parts if ENCODING_SEARCH in self._run.parts else ()
            self._runs = {name: run for name, run in self._runs.items() if name and not run.ended}
            self._runs[trial] = _Followed(parts)
        self._run = self._runs[trial]
