"""Event files for TensorBoard, in the folder `tensorboard` of a run.

The step of a value is the number of epochs of the run. If another process continues the run, it writes a
further event file, and TensorBoard drops the epochs that are trained again.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.search.evidence import DecisionMade
from automtl_core.training.events import EpochEnded, Event, RunBegan, StepEnded
from automtl_core.training.metrics import Metrics
from automtl_core.training.run_listener import RunListener
from automtl_listeners.scalars import Speed, check_installed, flat, in_words, of_epoch, of_task

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


class TensorBoard(RunListener):
    """TensorBoard: losses, validation and test metrics, rows per second, decisions and hyperparameters."""

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self._writer: SummaryWriter | None = None
        self._speed = Speed()
        self._epochs = 0  # of the run so far
        self._decisions: list[str] = []  # since the last epoch

    @classmethod
    def check(cls) -> None:
        """Check that TensorBoard is installed."""
        check_installed("torch.utils.tensorboard", "tensorboard")

    def receive(self, event: Event) -> None:
        """Write each epoch with its decisions."""
        match event:
            case RunBegan(_, reports):
                self._begin(reports)
            case StepEnded():
                self._speed.step(event)
            case EpochEnded():
                self._epoch(event)
            case DecisionMade(evidence):
                self._decisions.append(in_words(evidence))

    def tested(self, metrics: Metrics) -> None:
        """Write the test metrics, as values of the hyperparameters."""
        values = dict(pair for task, each in metrics.items() for pair in of_task(f"test/{task}", each))
        plain = {
            name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
            for name, value in flat(self.settings)
        }
        self._opened().add_hparams(plain, values, run_name=".")

    def close(self, error: BaseException | None) -> None:
        """Write the decisions after the last epoch, and close the file."""
        self._write_decisions()
        if self._writer is not None:
            self._writer.close()

    def _begin(self, reports: tuple[EpochEnded, ...]) -> None:
        self._epochs = len(reports)
        writer = self._opened(purge_step=len(reports) + 1 if reports else None)
        if not reports:
            writer.add_text("settings", _listed(f"{n} = {value}" for n, value in flat(self.settings)), 0)

    def _epoch(self, report: EpochEnded) -> None:
        self._epochs += 1
        writer = self._opened()
        for name, value in of_epoch(report):
            writer.add_scalar(name, value, self._epochs)
        if (speed := self._speed.rows_per_second()) is not None:
            writer.add_scalar(f"{report.phase}/rows_per_second", speed, self._epochs)
        self._write_decisions()
        writer.flush()

    def _write_decisions(self) -> None:
        if self._decisions:
            self._opened().add_text("decisions", _listed(self._decisions), self._epochs)
            self._decisions = []

    def _opened(self, purge_step: int | None = None) -> "SummaryWriter":
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.run / FOLDER), purge_step=purge_step)
        return self._writer


def _listed(lines: Any) -> str:
    """Return lines as a list in Markdown."""
    return "\n".join(f"- `{line}`" for line in lines)
