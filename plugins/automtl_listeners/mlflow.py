"""Runs of MLflow, by its tracking client alone.

The tracking server is that of `MLFLOW_TRACKING_URI`, by default the file `mlflow.db` in the working
directory; the experiment is that of `MLFLOW_EXPERIMENT_NAME`, by default `automtl`. The file
`mlflow/run.json` of a run directory holds the identifier of the MLflow run, which another process continues.
"""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.training.metrics import Metrics
from automtl_listeners.scalars import Recorder, check_installed, flat, of_test

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FILE = Path("mlflow") / "run.json"


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
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # other lines would stand in the live view
        client = MlflowClient(
            os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"
        )
        with suppress(OSError, ValueError, KeyError, TypeError, MlflowException):
            earlier = str(json.loads((self.run / FILE).read_text(encoding="utf-8"))["run_id"])
            client.update_run(earlier, "RUNNING")
            return client, earlier
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "automtl"
        experiment = client.get_experiment_by_name(name)
        place = client.create_experiment(name) if experiment is None else experiment.experiment_id
        tags = {"automtl.run": str(self.run)}
        made = client.create_run(place, run_name=self.run.name, tags=tags).info.run_id
        for params in _params(self.settings):
            client.log_batch(made, params=params)
        (self.run / FILE).parent.mkdir(exist_ok=True)
        (self.run / FILE).write_text(json.dumps({"run_id": made}), encoding="utf-8")
        return client, made


def _params(settings: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield the settings as parameters, of at most 500 characters and in requests of 100, as servers take."""
    from mlflow.entities import Param

    params = [Param(_name(name), str(value)[:500]) for name, value in flat(settings)]
    for place in range(0, len(params), 100):
        yield params[place : place + 100]


def _name(name: str) -> str:
    """Return a name without the characters that MLflow does not take."""
    return re.sub(r"[^\w./ -]", "_", name)
