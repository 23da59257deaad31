"""A listener that writes the numbers of a run as event files for TensorBoard, in its folder `tensorboard`.

The step of a value is the number of epochs of the run. If another process continues the run, it writes a
further event file, and TensorBoard drops the epochs that are trained again.
"""

import json
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.plugin import (
    DecisionMade,
    EpochEnded,
    Event,
    Evidence,
    Metrics,
    RunBegan,
    RunListener,
    StepEnded,
    TaskMetrics,
    UsageError,
)

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def of_task(start: str, metrics: TaskMetrics) -> Iterator[tuple[str, float]]:
    """Yield the names and values of the metrics of a task that are defined."""
    others = {name: other.value for name, other in metrics.others.items()}
    for name, value in {**metrics.values, **others}.items():
        if value is not None:
            yield f"{start}/{name}", float(value)


def in_words(evidence: Evidence) -> str:
    """Return a decision with its evidence as one sentence."""
    against = f" instead of {evidence.against}" if evidence.against else ""
    effect = ""
    if evidence.difference is not None:
        ends = ", ".join(f"{end:+.4f}" for end in evidence.interval)
        effect = f"; effect on held-out loss {evidence.difference:+.4f}" + (f" [{ends}]" if ends else "")
    return f"{evidence.choice}: {evidence.option} {evidence.action}{against}{effect}"


def flat(settings: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings by their path, such as `training.epochs`."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


class TensorBoard(RunListener):
    """TensorBoard: losses, validation and test metrics, rows per second, decisions and hyperparameters."""

    clock = staticmethod(time.monotonic)

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.epochs = 0  # of the run so far
        self.decisions: list[str] = []
        self._first = self._last = (0.0, 0)  # time and rows of the first and of the last step of the epoch
        self._writer: SummaryWriter | None = None

    @classmethod
    def check(cls) -> None:
        """Check that TensorBoard is installed.

        Raises:
            UsageError: it is not installed.

        """
        try:
            import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise UsageError(
                f"listeners: tensorboard needs a library that is not installed: {error}",
                "install it: pip install 'automtl[tensorboard]'",
            ) from None

    def receive(self, event: Event) -> None:
        """Record each epoch, with its decisions; the settings of a new run are its first text."""
        match event:
            case RunBegan(_, reports):
                self.epochs = len(reports)
                writer = self._opened(purge_step=self.epochs + 1 if self.epochs else None)
                if not self.epochs:
                    writer.add_text("settings", _listed(f"{n} = {v}" for n, v in flat(self.settings)), 0)
            case StepEnded():
                self._last = (self.clock(), event.rows)
                self._first = self._last if event.done == 1 else self._first
            case EpochEnded():
                self.epochs += 1
                writer = self._opened()
                for name, value in self.values(event):
                    writer.add_scalar(name, value, self.epochs)
                self._write_decisions()
                writer.flush()
            case DecisionMade(evidence):
                self.decisions.append(in_words(evidence))

    def values(self, report: EpochEnded) -> Iterator[tuple[str, float]]:
        """Yield names and values of an epoch: losses, validation metrics, rows per second without step 1."""
        for task, loss in report.losses.items():
            if loss is not None:
                yield f"{report.phase}/{task}/loss", loss
        for task, metrics in report.metrics.items():
            yield from of_task(f"{report.phase}/{task}", metrics)
        if report.entropy is not None:
            yield f"{report.phase}/entropy", report.entropy
        seconds, rows = (last - first for first, last in zip(self._first, self._last, strict=True))
        if rows > 0 and seconds > 0:
            yield f"{report.phase}/rows_per_second", rows / seconds

    def tested(self, metrics: Metrics) -> None:
        """Write the test metrics, as values of the hyperparameters."""
        plain = {
            name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
            for name, value in flat(self.settings)
        }
        found = dict(pair for task, m in metrics.items() for pair in of_task(f"test/{task}", m))
        self._opened().add_hparams(plain, found, run_name=".")

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

            self._writer = SummaryWriter(str(self.run / "tensorboard"), purge_step=purge_step)
        return self._writer


def _listed(lines: Any) -> str:
    """Return lines as a list in Markdown."""
    return "\n".join(f"- `{line}`" for line in lines)
