"""A run has one run of MLflow, which another process continues."""

import json
import sys

import pytest

from automtl_core.errors import UsageError
from automtl_core.training.events import EpochEnded, RunBegan
from automtl_listeners.listeners import FILE, MLflow
from automtl_testing import check_listener
from automtl_testing.samples import binary_metrics

METRICS = {"click": binary_metrics(0.7, 0.6, 4, 10)}


def report(epoch: int) -> EpochEnded:
    return EpochEnded("train", epoch, {"click": 0.5}, METRICS)


@pytest.fixture
def client(tmp_path, monkeypatch):
    tracking = pytest.importorskip(
        "mlflow.tracking", reason="MLflow is missing: pip install 'automtl[mlflow]'"
    )
    pytest.importorskip("alembic", reason="Alembic is missing: pip install 'automtl[mlflow]'")
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'tracking.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return tracking.MlflowClient(uri)


@pytest.mark.filterwarnings("ignore")  # those of MLflow
def test_it_keeps_the_contract_and_continues_its_run(client, tmp_path):
    check_listener(MLflow)
    run = tmp_path / "run"
    run.mkdir()
    (run / "architecture.json").write_text("{}")
    first = MLflow(run, {"training": {"epochs": 2}})
    first.receive(RunBegan(run))
    first.receive(report(1))
    first.close(KeyboardInterrupt())
    name = json.loads((run / FILE).read_text())["run_id"]
    assert client.get_run(name).info.status == "KILLED"
    second = MLflow(run, {"training": {"epochs": 2}})
    assert client.get_run(name).info.status == "RUNNING"
    second.receive(RunBegan(run, (report(1),)))
    second.receive(report(2))
    second.tested(METRICS)
    second.close(None)
    found = client.get_run(name)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"training.epochs": "2"}
    assert found.data.metrics["test/click/auc"] == 0.7
    assert [one.step for one in client.get_metric_history(name, "train/click/auc")] == [1, 2]
    assert [one.path for one in client.list_artifacts(name)] == ["architecture.json"]


def test_without_mlflow_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(UsageError) as raised:
        MLflow.check()
    assert raised.value.fix == "install it: pip install 'automtl[mlflow]'"
