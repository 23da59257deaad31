"""Event files for TensorBoard, in the folder `tensorboard` of a run.

The step of a value is the number of epochs of the run. If another process continues the run, it writes a
further event file, and TensorBoard drops the epochs that are trained again.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.training.metrics import Metrics
from automtl_listeners.scalars import Recorder, check_installed, flat, of_test

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


class TensorBoard(Recorder):
    """TensorBoard: losses, validation and test metrics, rows per second, decisions and hyperparameters."""

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self._writer: SummaryWriter | None = None

    @classmethod
    def check(cls) -> None:
        """Check that TensorBoard is installed."""
        check_installed("torch.utils.tensorboard", "tensorboard")

    def begin(self) -> None:
        """Open the file; the settings of a new run are its first text."""
        writer = self._opened(purge_step=self.epochs + 1 if self.epochs else None)
        if not self.epochs:
            writer.add_text("settings", _listed(f"{n} = {value}" for n, value in flat(self.settings)), 0)

    def record(self, values: Mapping[str, float]) -> None:
        """Write the values of an epoch, with its decisions."""
        writer = self._opened()
        for name, value in values.items():
            writer.add_scalar(name, value, self.epochs)
        self._write_decisions()
        writer.flush()

    def tested(self, metrics: Metrics) -> None:
        """Write the test metrics, as values of the hyperparameters."""
        plain = {
            name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
            for name, value in flat(self.settings)
        }
        self._opened().add_hparams(plain, of_test(metrics), run_name=".")

    def close(self, error: BaseException | None) -> None:
        """Write the decisions after the last epoch, and close the file."""
        self._write_decisions()
        if self._writer is not None:
            self._writer.close()

    def _write_decisions(self) -> None:
        if self.decisions:
            self._opened().add_text("decisions", _listed(self.decisions), self.epochs)
            self.decisions = []

    def _opened(self, purge_step: int | None = None) -> "SummaryWriter":
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.run / FOLDER), purge_step=purge_step)
        return self._writer


def _listed(lines: Any) -> str:
    """Return lines as a list in Markdown."""
    return "\n".join(f"- `{line}`" for line in lines)
