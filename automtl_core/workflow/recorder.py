"""The recorder saves the state of a loop at each epoch, and restores it."""

import logging
import time
from typing import Any

from automtl_core.disk.state import State
from automtl_core.distributed import first
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Identity
from automtl_core.run_dir.identity import check_checkpoint
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EpochEnded, Event, Listener, Resumable, Warned

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
            self._give_back(loop)
            log.info("continues in stage %s after %d epochs", stage, len(self.reports))
        self.stage, self.loop = stage, loop
        self._since = time.monotonic()

    def _warn(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self.listener(Warned(sentence))

    def _give_back(self, loop: Resumable) -> None:
        try:
            loop.load_state_dict(self.saved["state"])
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            RuntimeError,
        ) as error:  # RuntimeError: shapes differ
            raise ArtifactError(
                f"{self.run.path}: the checkpoint does not fit the run: {error}",
                "restore it from a copy, or start again",
            ) from None

    def __call__(self, event: Event) -> bool:
        """Save the epochs, and pass all events on; return the result of the other listener."""
        if isinstance(event, EpochEnded):
            self._save(event)
        return self.listener(event)

    def _save(self, report: EpochEnded) -> None:
        """Write the report, and save the state of the loop; raises as `Run.check_whole` does."""
        first(self.run.check_whole)
        self.reports.append(report.to_json())
        self.run.write_reports(self.reports)
        now = time.monotonic()
        self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self._since
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
