"""Metrics of another distribution are computed, shown, compared and repeated."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_testing import check_metric

from .own_metrics import automtl_register_metrics, hits

SOURCE = (Path(__file__).parent / "own_metrics.py").read_text()
ROWS = 600
TABLE = """
data_dir: .
dataset:
  name: table
  files: log.csv
  sparse: {uid: text, item: text}
  labels: {click: {}, price: {kind: regression}}
  user: uid
metrics: [pr-auc, gauc, calibration, hit-rate-2, median-error, faulty]
features: ids
space: {embedding_dim: 4, experts: 1, expert_layers: [8], tower_layers: []}
training: {epochs: 1, batch_size: 64, embedding_decay: 0.01, min_positives: 5}
"""
COLUMNS = ["PR-AUC", "GAUC", "calibration error", "HR@2", "median error"]
FAULT = (
    "click has no faulty: the metric 'faulty' of plugin 'own-metrics' failed: IndexError: index 60 is out of "
    "bounds for axis 0 with size 60"
)


@pytest.fixture(autouse=True)
def here(install, tmp_path, monkeypatch):
    """Work where the plugin is installed, beside a small table with users."""
    install(SOURCE, "own-metrics")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    draw = np.random.default_rng(0)
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uid", "item", "click", "price"])
        for _ in range(ROWS):
            user, item = draw.integers(0, 12), draw.integers(0, 9)
            writer.writerow([f"u{user}", f"i{item}", int(draw.random() < 0.3 + 0.05 * item), 2 * item + user])
    (folder / "table.yaml").write_text(TABLE)
    return folder


@pytest.mark.parametrize("name", ["calibration", "median-error"])
def test_they_keep_the_contract(name):
    check_metric(automtl_register_metrics()[name])
    check_metric(hits(3))


def test_they_are_listed(command):
    assert "metrics: calibration, hit-rate-*, median-error, faulty" in " ".join(command("plugins").split())
    lines = command("list", "metrics").splitlines()
    (line,) = [line for line in lines if line.startswith("hit-rate-*")]
    assert "Share of users with a positive row among the number of rows that rank highest." in line


def test_a_run_has_them_wherever_its_metrics_are_shown(command, here):
    out = command("train", "--model", "mmoe", "--config", "table.yaml", "--name", "mine")
    (header,) = [line for line in out.splitlines() if line.startswith("task ")]
    assert all(column in header for column in COLUMNS)
    assert "faulty" not in header
    assert FAULT in out
    shown = command("show", "runs/mine")
    assert header in shown
    document = json.loads(command("show", "runs/mine", "--json"))["test"]
    assert list(document["click"]["others"]) == ["pr-auc", "gauc", "calibration", "hit-rate-2", "faulty"]
    assert list(document["price"]["others"]) == ["median-error"]
    again = command("evaluate", "runs/mine")
    assert header in again
    assert "The metrics are exactly those that the run recorded" in again
    assert json.loads(command("evaluate", "runs/mine", "--json"))["test"] == document
    new = json.loads(command("evaluate", "runs/mine", "--input", "log.csv", "--json"))["test"]
    assert list(new["click"]["others"]) == list(document["click"]["others"])
    assert new["click"]["others"]["calibration"]["rows"] == ROWS // 10, "the test rows"
    others = json.loads(command("evaluate", "runs/mine", "--metrics", "ndcg-3,hit-rate-1", "--json"))["test"]
    assert list(others["click"]["others"]) == ["ndcg-3", "hit-rate-1"]
    frame = automtl.load("runs/mine").metrics
    assert frame["gauc"]["click"] == document["click"]["others"]["gauc"]["value"]
    assert np.isnan(frame["gauc"]["price"])
    with pytest.warns(UserWarning, match="rows are left out"):
        measured = automtl.load("runs/mine").evaluate(pd.read_csv(here / "log.csv"), metrics=["hit-rate-2"])
    assert measured["hit-rate-2"]["click"] == new["click"]["others"]["hit-rate-2"]["value"]


def test_a_comparison_has_a_table_for_each(command):
    models = ("--models", "mmoe,shared-bottom", "--seeds", "1")
    command("compare", *models, "--config", "table.yaml", "--out", "compared")
    page = Path("compared/compare.md").read_text()
    for column in COLUMNS:
        assert f"## test {column}\n" in page, column
    with (Path("compared") / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["hit-rate-2"] and row["gauc"] for row in rows if row["task"] == "click")
    assert all(row["median-error"] and not row["gauc"] for row in rows if row["task"] == "price")


def test_a_metric_of_a_plugin_stops_a_training(command):
    command("train", "--model", "mmoe", "--config", "table.yaml", "--name", "stops", "--set",
            "training.monitor_metric=calibration")  # fmt: skip
    lines = Path("runs/stops/metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["validation"]["click"]["calibration"] > 0
