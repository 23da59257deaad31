"""Listeners that record the numbers of a run: event files for TensorBoard, and runs of MLflow.

TensorBoard reads the folder `tensorboard` of a run. The step of a value is the number of epochs of the run.
If another process continues the run, it writes a further event file, and TensorBoard drops the epochs that
are trained again.

The tracking server of MLflow is that of `MLFLOW_TRACKING_URI`, by default the file `mlflow.db` in the working
directory; the experiment is that of `MLFLOW_EXPERIMENT_NAME`, by default `automtl`. The file
`mlflow/run.json` of a run directory holds the identifier of the MLflow run, which another process continues.
"""

import json
import logging
import os
import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
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
    library,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from torch.utils.tensorboard import SummaryWriter


class Recorder(RunListener):
    """Counts the epochs of a run, and collects their values and the decisions.

    It has the numbers of epochs and the decisions since its start, which a subclass may empty.
    """

    clock = staticmethod(time.monotonic)

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.epochs = 0  # of the run so far
        self.decisions: list[str] = []
        self._first = self._last = (0.0, 0)  # time and rows of the first and of the last step of the epoch

    def receive(self, event: Event) -> None:
        """Record each epoch."""
        match event:
            case RunBegan(_, reports):
                self.epochs = len(reports)
                self.begin()
            case StepEnded():
                self._last = (self.clock(), event.rows)
                self._first = self._last if event.done == 1 else self._first
            case EpochEnded():
                self.epochs += 1
                self.record(dict(self._values(event)))
            case DecisionMade(evidence):
                self.decisions.append(in_words(evidence))

    def begin(self) -> None:
        """Begin or continue the record of a run with `epochs`."""
        return

    @abstractmethod
    def record(self, values: Mapping[str, float]) -> None:
        """Record the values of the epoch with the number `epochs`."""

    def _values(self, report: EpochEnded) -> Iterator[tuple[str, float]]:
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

            self._writer = SummaryWriter(str(self.run / "tensorboard"), purge_step=purge_step)
        return self._writer


def _listed(lines: Any) -> str:
    """Return lines as a list in Markdown."""
    return "\n".join(f"- `{line}`" for line in lines)


class MLflow(Recorder):
    """MLflow: settings, losses, validation and test metrics, decisions, and the files of the result."""

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self._client, self._id = self._connected()

    @classmethod
    def check(cls) -> None:
        """Check that MLflow is installed."""
        database = () if os.environ.get("MLFLOW_TRACKING_URI") else ("sqlalchemy", "alembic")
        for module in ("mlflow.tracking", *database):
            check_installed(module, "mlflow")

    def record(self, values: Mapping[str, float]) -> None:
        """Log the values of an epoch."""
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        metrics = [Metric(_name(name), value, now, self.epochs) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def tested(self, metrics: Metrics) -> None:
        """Log the test metrics and the files of the result."""
        self.record(of_test(metrics))
        for path in sorted(self.run.iterdir()):
            if path.stem in ("architecture", "config", "result", "search", "importance"):
                self._client.log_artifact(self._id, str(path))

    def close(self, error: BaseException | None) -> None:
        """Log the decisions, and end the MLflow run."""
        if self.decisions:
            self._client.log_text(self._id, "\n".join(self.decisions) + "\n", "decisions.txt")
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        self._client.set_terminated(self._id, status)

    def _connected(self) -> tuple["MlflowClient", str]:
        """Return the client, and the identifier of the MLflow run, perhaps of an earlier process."""
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # other lines would stand in the live view
        client = MlflowClient(
            os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"
        )
        record = self.run / "mlflow" / "run.json"
        with suppress(OSError, ValueError, KeyError, TypeError, MlflowException):
            earlier = str(json.loads(record.read_text(encoding="utf-8"))["run_id"])
            client.update_run(earlier, "RUNNING")
            return client, earlier
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "automtl"
        experiment = client.get_experiment_by_name(name)
        place = client.create_experiment(name) if experiment is None else experiment.experiment_id
        tags = {"automtl.run": str(self.run)}
        made = client.create_run(place, run_name=self.run.name, tags=tags).info.run_id
        # Servers take values of at most 500 characters, and 100 of them in a request.
        params = [Param(_name(name), str(value)[:500]) for name, value in flat(self.settings)]
        for place in range(0, len(params), 100):
            client.log_batch(made, params=params[place : place + 100])
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"run_id": made}), encoding="utf-8")
        return client, made


def _name(name: str) -> str:
    """Return a name without the characters that MLflow does not take."""
    return re.sub(r"[^\w./ -]", "_", name)
