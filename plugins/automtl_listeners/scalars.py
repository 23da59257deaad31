"""The numbers of a run that both listeners record, and its settings as flat values."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from automtl_core.errors import UsageError
from automtl_core.process_state import library
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import EpochEnded, Event, RunBegan, StepEnded
from automtl_core.training.metrics import Metrics, TaskMetrics
from automtl_core.training.run_listener import RunListener


class Speed:
    """Measures the training rows per second of each epoch.

    Args:
        clock: Function that returns the time in seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first = self._last = (0.0, 0)  # time and rows of the first and of the last step

    def step(self, event: StepEnded) -> None:
        """Take note of a step."""
        now = (self._clock(), event.rows)
        self._first, self._last = (now if event.done == 1 else self._first), now

    def rows_per_second(self) -> float | None:
        """Return the speed after the first step of the epoch; None where it had no other step."""
        seconds, rows = (last - first for first, last in zip(self._first, self._last, strict=True))
        return rows / seconds if rows > 0 and seconds > 0 else None


class Recorder(RunListener):
    """Counts the epochs of a run, and collects their values and the decisions.

    It has the numbers of epochs and the decisions since its start, which a subclass may empty.
    """

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.epochs = 0  # of the run so far
        self.decisions: list[str] = []
        self._speed = Speed()

    def receive(self, event: Event) -> None:
        """Record each epoch."""
        match event:
            case RunBegan(_, reports):
                self.epochs = len(reports)
                self.begin()
            case StepEnded():
                self._speed.step(event)
            case EpochEnded():
                self.epochs += 1
                values = dict(of_epoch(event))
                if (speed := self._speed.rows_per_second()) is not None:
                    values[f"{event.phase}/rows_per_second"] = speed
                self.record(values)
            case DecisionMade(evidence):
                self.decisions.append(in_words(evidence))

    def begin(self) -> None:
        """Begin or continue the record of a run with `epochs`."""
        return

    @abstractmethod
    def record(self, values: Mapping[str, float]) -> None:
        """Record the values of the epoch with the number `epochs`."""


def of_epoch(report: EpochEnded) -> Iterator[tuple[str, float]]:
    """Yield the names and values of an epoch: losses, and the validation metrics of each task."""
    for task, loss in report.losses.items():
        if loss is not None:
            yield f"{report.phase}/{task}/loss", loss
    for task, metrics in report.metrics.items():
        yield from of_task(f"{report.phase}/{task}", metrics)
    if report.entropy is not None:
        yield f"{report.phase}/entropy", report.entropy


def of_test(metrics: Metrics) -> dict[str, float]:
    """Return the test metrics of all tasks by name."""
    return dict(pair for task, m in metrics.items() for pair in of_task(f"test/{task}", m))


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
        error = "" if evidence.error is None else f" ± {evidence.error:.5f}"
        effect = f"; effect on held-out loss {evidence.difference:+.5f}{error}"
    return f"{evidence.choice}: {evidence.option} {evidence.action}{against}{effect}"


def flat(settings: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings by their path, such as `training.epochs`."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


def check_installed(module: str, listener: str) -> None:
    """Check that the library of a listener can be imported.

    Raises:
        UsageError: it is not installed.

    """
    try:
        library(module)
    except ImportError as error:
        raise UsageError(
            f"listeners: {listener} needs a library that is not installed: {error}",
            f"install it: pip install 'automtl[{listener}]'",
        ) from None
