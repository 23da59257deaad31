"""The monitor of a command: events become a snapshot of its progress, for displays."""

import threading
import time
from collections import deque

from automtl_core.run_dir.snapshot import Snapshot
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import (
    EpochEnded,
    Event,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    StepEnded,
)
from automtl_core.workflow.budget import TRAIN
from automtl_core.workflow.importance import PHASE as IMPORTANCE
from automtl_core.workflow.progress_estimate import ENCODING_SEARCH, TESTING, ProgressEstimate, Workload

DECISIONS = 20
"""Number of decisions in a snapshot."""


class Monitor:
    """Follows the events of a command; another thread may take snapshots."""

    def __init__(self) -> None:
        self.reports: list[EpochEnded] = []
        """The epochs of the current run."""
        self._lock = threading.Lock()
        self._estimate = ProgressEstimate()
        self._start = time.monotonic()
        self._parts: tuple[str, ...] = ()
        self._phase, self._epoch, self._share = "", 0, 0.0
        self._rate: float | None = None
        self._since = self._start  # begin of the epoch
        self._decisions: deque[Evidence] = deque(maxlen=DECISIONS)

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        with self._lock:
            self._receive(event)

    def _receive(self, event: Event) -> None:
        self._estimate(event)
        match event:
            case RunBegan(_, reports):
                self.reports.extend(reports)
            case PhaseBegan(name, work):
                if isinstance(work, Workload):
                    self._begin(name, work)
                self._set(name, 0, 0.0)
            case PhaseEnded():
                self._rate = None
            case ProgressMade():
                self._set(event.phase, 0, event.share)
            case StepEnded():
                self._step(event)
            case EpochEnded():
                self.reports.append(event)
            case DecisionMade(evidence):
                self._decisions.append(evidence)

    def snapshot(self) -> Snapshot:
        """Return the progress now."""
        with self._lock:
            return self._snapshot()

    def _snapshot(self) -> Snapshot:
        done, most = self._estimate.reached()
        return Snapshot(
            self._parts,
            self._part(),
            self._phase,
            self._epoch,
            self._share,
            self._rate,
            done,
            most,
            self._estimate.unit,
            time.monotonic() - self._start,
            self._estimate.left(),
            tuple(self._decisions),
            time.time(),
        )

    def _begin(self, phase: str, work: Workload) -> None:
        encodes = phase == ENCODING_SEARCH or ENCODING_SEARCH in self._parts
        parts = {
            ENCODING_SEARCH: encodes,
            "search": work.search != 0,
            "training": work.training,
            TESTING: True,
        }
        if phase != TESTING:
            self._parts = tuple(part for part, there in parts.items() if there)
            self.reports.clear()
            self._decisions.clear()

    def _part(self) -> str:
        if self._phase in (ENCODING_SEARCH, TESTING):
            return self._phase
        if self._phase in (IMPORTANCE, ""):
            return TESTING if self._phase else ""
        return "training" if self._phase == TRAIN or "search" not in self._parts else "search"

    def _step(self, event: StepEnded) -> None:
        if (event.phase, event.epoch) != (self._phase, self._epoch) or event.done == 1:
            self._since = self._since if event.done > 1 else time.monotonic()
        self._set(event.phase, event.epoch, event.done / event.steps)
        seconds = time.monotonic() - self._since
        self._rate = event.rows / seconds if event.rows and seconds > 0 else None

    def _set(self, phase: str, epoch: int, share: float) -> None:
        self._phase, self._epoch, self._share = phase, epoch, share
