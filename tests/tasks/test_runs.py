"""Runs on a table with a label of each kind: trained, predicted, evaluated, compared and exported."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROWS = 1500
TABLE = """
data_dir: .
dataset:
  name: table
  files: log.csv
  sparse: [uid, item]
  labels: {LABEL: {kind: KIND}, liked: {}}
  user: uid
features: ids
training: {min_positives: 5}
"""
SETTINGS = {
    "space": "{embedding_dim: 4, experts: 1, expert_layers: [8], tower_layers: []}",
    "training.epochs": 12,
    "training.batch_size": 64,
    "training.learning_rate": 0.02,
    "training.embedding_decay": 0.0001,
}
MMOE = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
LABELS = {"poisson": "visits", "censored": "watched"}
MEASURES = {"poisson": "d2", "censored": "concordance"}
BOOSTED = pytest.param("poisson", "boosting", marks=pytest.mark.needs_extra("boosting"))


@pytest.fixture(autouse=True)
def log(here):
    """Write a log whose labels rise with the user and the item: counts and times."""
    draw = np.random.default_rng(0)
    user, item = draw.integers(0, 30, ROWS), draw.integers(0, 8, ROWS)
    mean = 0.3 * np.exp(0.06 * user + 0.25 * item)
    visits = draw.poisson(mean)
    time, end = mean * np.exp(draw.standard_normal(ROWS)), draw.exponential(8, ROWS)
    frame = pd.DataFrame({"uid": user, "item": item, "visits": visits, "mean": mean})
    frame["watched"] = np.where(time < end, time, -end).round(3)
    frame["liked"] = (draw.random(ROWS) < 0.2 + 0.08 * item).astype(int)
    frame.to_csv("log.csv", index=False)
    return frame


def use(kind):
    text = TABLE.replace("LABEL", LABELS[kind]).replace("KIND", kind)
    Path("table.yaml").write_text(text)


@pytest.mark.parametrize(
    ("kind", "model"), [*((kind, model) for kind in LABELS for model in ("mmoe", "linear")), BOOSTED]
)
def test_models_learn_predict_and_are_served(automtl, log, kind, model):
    use(kind)
    label = LABELS[kind]
    how = MMOE if model == "mmoe" else ()
    assert automtl("train", "--model", model, "table.yaml", "--name", "mine", *how).code == 0
    test = automtl("show", "runs/mine", "--json").json()["test"][label]
    assert test["kind"] == kind
    assert test[MEASURES[kind]] > (0.1 if kind != "censored" else 0.6)
    assert automtl("predict", "runs/mine", "log.csv", "--out", "out.csv").code == 0
    predicted = pd.read_csv("out.csv")[label]
    assert np.corrcoef(np.log(predicted), np.log(log["mean"]))[0, 1] > 0.75
    again = automtl("evaluate", "runs/mine", "--json").json()["test"][label]
    assert again == pytest.approx(test)
    assert automtl("export", "runs/mine", "--format", "torch", "--out", "served").code == 0
    assert f"of {label}" in str(json.loads(Path("served/scores.json").read_text()))


def test_a_negative_count_names_its_line(automtl):
    use("poisson")
    lines = Path("log.csv").read_text().splitlines()
    lines[7] = "1,1,-1,0,1,0"
    Path("log.csv").write_text("\n".join(lines))
    ended = automtl("data", "describe", "table.yaml", "--rows", "1")
    assert ended.code == 65
    assert "log.csv:8" in ended.err
    assert "-1" in ended.err


@pytest.mark.needs_extra("boosting")
def test_trees_have_no_objective_for_censored_times(automtl):
    use("censored")
    ended = automtl("train", "--model", "boosting", "table.yaml")
    assert ended.code == 2
    assert "boosting has no objective for 'watched', a task of kind censored" in ended.err
