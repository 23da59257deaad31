"""Saving a loop at each epoch, and giving it back what was saved."""

import logging
import time
from typing import Any

from automtl_core.disk.state import State
from automtl_core.runs.run import Run
from automtl_core.training.listener import EpochReport, Listener, Resumable

log = logging.getLogger("automtl")


class Recorder:
    """Listener that saves the followed loop at each epoch, for the run to go on from there, and passes on."""

    def __init__(self, run: Run, listener: Listener) -> None:
        self.run = run
        self.listener = listener
        self.saved: State = run.load("checkpoint") if run.has("checkpoint") else {}
        self.stage = str(self.saved.get("stage", ""))
        self.spent = int(self.saved.get("spent", 0))
        self.reports: list[dict[str, Any]] = list(self.saved.get("reports", []))
        self.seconds: dict[str, float] = dict(self.saved.get("seconds", {}))
        self.loop: Resumable | None = None
        self._since = time.monotonic()
        run.write_reports(self.reports)

    def follow(self, stage: str, loop: Resumable, spent: int = 0) -> None:
        """Save this loop from now on; first give it the state that was saved in this stage."""
        if self.stage == stage:
            loop.load_state_dict(self.saved["state"])
            log.info("goes on in stage %s after %d epochs", stage, len(self.reports))
        self.stage, self.loop, self.spent = stage, loop, spent
        self._since = time.monotonic()

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        """Pass on."""
        return self.listener.step(phase, epoch, steps, done, rows)

    def epoch(self, report: EpochReport) -> bool:
        """Write the report down, and save the state of the loop."""
        self.reports.append(report.to_json())
        self.run.write_reports(self.reports)
        now = time.monotonic()
        self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self._since
        self._since = now
        self.run.save(
            "checkpoint",
            {
                "stage": self.stage,
                "spent": self.spent,
                "seconds": self.seconds,
                "state": self.loop.state_dict() if self.loop else {},
                "reports": self.reports,
            },
        )
        log.info(
            "%s epoch %d: %s", report.phase, report.epoch, {t: m.score for t, m in report.metrics.items()}
        )
        return self.listener.epoch(report)
