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
        self._phase, self._stage, self._epoch, self._share = "", "", 0, 0.0
        self._rate: float | None = None
        self._since, self._rows = self._start, 0  # time and rows at the end of the first step of the epoch
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
                self._set(name, "", 0, 0.0)
            case PhaseEnded():
                self._rate = None
            case ProgressMade():
                self._set(event.phase, event.stage, 0, event.share)
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
            parts=self._parts,
            part=self._part(),
            phase=self._phase,
            stage=self._stage,
            epoch=self._epoch,
            share=self._share,
            rows_per_second=self._rate,
            done=done,
            most=most,
            unit=self._estimate.unit,
            seconds=time.monotonic() - self._start,
            left=self._estimate.left(),
            decisions=tuple(self._decisions),
            time=time.time(),
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
        if (event.phase, event.epoch) != (self._phase, self._epoch):
            self._since, self._rows = (
                time.monotonic(),
                event.rows,
            )  # the duration of the first step is unknown
        self._set(event.phase, "", event.epoch, event.done / event.steps)
        seconds, rows = time.monotonic() - self._since, event.rows - self._rows
        self._rate = rows / seconds if rows > 0 and seconds > 0 else None

    def _set(self, phase: str, stage: str, epoch: int, share: float) -> None:
        self._phase, self._stage, self._epoch, self._share = phase, stage, epoch, share
