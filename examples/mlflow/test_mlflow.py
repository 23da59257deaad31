import json
from pathlib import Path

import pytest

from automtl_core.plugin import EpochEnded, RunBegan
from automtl_mlflow import MLflow
from automtl_testing import check_listener

tracking = pytest.importorskip("mlflow.tracking", reason="MLflow is missing: pip install mlflow-skinny")
pytest.importorskip("alembic", reason="Alembic is missing: pip install alembic sqlalchemy")


@pytest.mark.filterwarnings("ignore")  # those of MLflow
def test_it_keeps_the_contract_and_continues_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := f"sqlite:///{tmp_path / 'tracking.db'}")
    client = tracking.MlflowClient(uri)
    check_listener(MLflow)
    run = tmp_path / "run"
    run.mkdir()
    (run / "architecture.json").write_text("{}")
    epoch = EpochEnded("train", 1, {"click": 0.5}, {})
    first = MLflow(run, {"training": {"epochs": 2}})
    first.receive(RunBegan(run))
    first.receive(epoch)
    first.close(KeyboardInterrupt())
    name = json.loads((run / "mlflow" / "run.json").read_text())["run_id"]
    assert client.get_run(name).info.status == "KILLED"
    second = MLflow(run, {"training": {"epochs": 2}})
    assert client.get_run(name).info.status == "RUNNING"
    second.receive(RunBegan(run, (epoch,)))
    second.receive(epoch)
    second.tested({})
    second.close(None)
    found = client.get_run(name)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"training.epochs": "2"}
    assert [one.step for one in client.get_metric_history(name, "train/click/loss")] == [1, 2]
    assert [one.path for one in client.list_artifacts(name)] == ["architecture.json"]
