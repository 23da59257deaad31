"""A listener that records runs in MLflow.

The tracking server is that of `MLFLOW_TRACKING_URI`, else `mlflow.db` in the working directory;
the experiment is that of `MLFLOW_EXPERIMENT_NAME`, by default `automtl`. The file `mlflow/run.json` of a run
directory holds the identifier of the MLflow run, which another process continues.
"""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.plugin import EpochEnded, Event, Metrics, RunBegan, RunListener, TaskMetrics, hookimpl

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before the import: MLflow sends usage statistics


class MLflow(RunListener):
    """MLflow: settings, losses, validation and test metrics, and the files of the result."""

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.epochs = 0  # of the run so far
        self.client, self.id = self.connected()

    def receive(self, event: Event) -> None:
        """Log the values of each epoch."""
        match event:
            case RunBegan(_, reports):
                self.epochs = len(reports)
            case EpochEnded():
                self.epochs += 1
                losses = {
                    f"{event.phase}/{t}/loss": loss for t, loss in event.losses.items() if loss is not None
                }
                self.log(losses | dict(values(event.phase, event.metrics)))

    def log(self, named: Mapping[str, float]) -> None:
        """Log values with the number of epochs as their step."""
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        metrics = [Metric(accepted(name), value, now, self.epochs) for name, value in named.items()]
        self.client.log_batch(self.id, metrics=metrics)

    def tested(self, metrics: Metrics) -> None:
        """Log the test metrics and the files of the result."""
        self.log(dict(values("test", metrics)))
        for path in sorted(self.run.iterdir()):
            if path.stem in ("architecture", "config", "result", "search", "importance"):
                self.client.log_artifact(self.id, str(path))

    def close(self, error: BaseException | None) -> None:
        """End the MLflow run."""
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        self.client.set_terminated(self.id, status)

    def connected(self) -> tuple["MlflowClient", str]:
        """Return the client, and the identifier of the MLflow run, perhaps of an earlier process."""
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # other lines would stand in the live view
        database = f"sqlite:///{Path('mlflow.db').absolute()}"
        client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or database)
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
        params = [Param(accepted(name), str(value)[:500]) for name, value in flat(self.settings)]
        for first in range(0, len(params), 100):
            client.log_batch(made, params=params[first : first + 100])
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"run_id": made}), encoding="utf-8")
        return client, made


def values(start: str, metrics: Mapping[str, TaskMetrics]) -> Iterator[tuple[str, float]]:
    """Yield the names and values of the metrics that are defined."""
    for task, measured in metrics.items():
        others = {name: other.value for name, other in measured.others.items()}
        for name, value in {**measured.values, **others}.items():
            if value is not None:
                yield f"{start}/{task}/{name}", float(value)


def flat(settings: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings by their path, such as `training.epochs`."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


def accepted(name: str) -> str:
    """Return a name without the characters that MLflow does not take."""
    return re.sub(r"[^\w./ -]", "_", name)


@hookimpl
def automtl_register_listeners() -> dict[str, type[MLflow]]:
    """Register the listener by its name."""
    return {"mlflow": MLflow}
