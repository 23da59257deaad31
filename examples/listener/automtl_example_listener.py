"""Learning curves of a run as a CSV file."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automtl_core.plugin import EpochEnded, Event, RunBegan, RunListener, hookimpl

COLUMNS = ("phase", "epoch", "task", "training loss", "validation score")


class LearningCurves(RunListener):
    """Learning curves: loss and validation score of each task after each epoch, in `curves.csv`."""

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.file = run / "example-listener" / "curves.csv"

    def receive(self, event: Event) -> None:
        """Write the epochs of earlier processes anew, then each epoch when it ends."""
        match event:
            case RunBegan(_, reports):
                self.file.parent.mkdir(exist_ok=True)
                self.file.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
                self._append(reports)
            case EpochEnded():
                self._append([event])

    def _append(self, reports: Iterable[EpochEnded]) -> None:
        rows = [
            (report.phase, report.epoch, task, report.losses[task], metrics.score)
            for report in reports
            for task, metrics in report.metrics.items()
        ]
        with self.file.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


@hookimpl
def automtl_register_listeners() -> dict[str, type[LearningCurves]]:
    """Register the listener by its name."""
    return {"example-listener": LearningCurves}
