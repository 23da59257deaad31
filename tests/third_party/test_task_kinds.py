"""Kinds of tasks of another distribution: counts, and the order of a user's rows."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln
from scipy.stats import kendalltau

from automtl_testing import check_task_kind

from .pairwise import Pairwise
from .poisson import Poisson

FOLDER = Path(__file__).parent
SOURCES = {name: (FOLDER / f"{name}.py").read_text() for name in ("poisson", "pairwise")}
ROWS = 2000
USERS, ITEMS = 40, 8
TABLE = """
data_dir: .
dataset:
  name: table
  files: log.csv
  sparse: {uid: text, item: text}
  labels: LABELS
  user: uid
features: ids
space: {embedding_dim: 4, experts: 1, expert_layers: [8], tower_layers: []}
training: {epochs: 12, batch_size: 64, learning_rate: 0.02, embedding_decay: 0.0001, min_positives: 5}
"""
TRAIN = ["train", "--model", "mmoe", "--config", "table.yaml", "--name", "mine"]


def rate(user, item):
    """Return the true mean count."""
    return 0.5 * np.exp(0.03 * user + 0.15 * item)


@pytest.fixture(autouse=True)
def here(install, tmp_path, monkeypatch):
    """Work where the plugins are installed, beside a small table."""
    for name, source in SOURCES.items():
        install(source, name)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    draw = np.random.default_rng(0)
    with (here / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uid", "item", "visits", "liked"])
        for _ in range(ROWS):
            user, item = draw.integers(0, USERS), draw.integers(0, ITEMS)
            liked = draw.random() < 0.2 + 0.08 * item
            writer.writerow([f"u{user}", f"i{item}", draw.poisson(rate(user, item)), int(liked)])


def use(labels):
    Path("table.yaml").write_text(TABLE.replace("LABELS", labels))


def predicted(command, rows="log.csv"):
    command("predict", "runs/mine", "--input", rows, "--output", f"of {rows}")
    return pd.read_csv(f"of {rows}"), pd.read_csv(rows)


@pytest.mark.parametrize("kind", [Poisson, Pairwise])
def test_they_keep_the_contract(kind):
    check_task_kind(kind)


def test_they_are_listed_and_checked(command):
    names = [line.split()[0] for line in command("list", "task-kinds").splitlines() if line.strip()]
    assert {"binary", "regression", "count", "pairwise"} <= {*names}
    assert "loss and metrics" in command("plugins", "check", "count")


def test_counts_are_predicted_by_their_mean(command):
    use("{visits: {kind: count}, liked: {}}")
    out = command(*TRAIN)
    assert "test Poisson deviance" in out
    test = json.loads(command("show", "runs/mine", "--json"))["test"]["visits"]
    assert test["kind"] == "count"
    assert 0.1 < test["d2"] < 1
    scores, rows = predicted(command)
    truth = rate(*(rows[name].str[1:].astype(int) for name in ("uid", "item")))
    assert scores["visits"].mean() == pytest.approx(rows["visits"].mean(), rel=0.1)
    assert np.corrcoef(np.log(scores["visits"]), np.log(truth))[0, 1] > 0.8
    command("data", "export", "table", "--config", "table.yaml", "--part", "test", "--out", "test.csv")
    scores, rows = predicted(command, "test.csv")
    new = json.loads(command("evaluate", "runs/mine", "--input", "log.csv", "--json"))["test"]["visits"]
    loss = scores["visits"] - rows["visits"] * np.log(scores["visits"]) + gammaln(rows["visits"] + 1)
    assert test["nll"] == pytest.approx(loss.mean(), rel=1e-4)
    assert new["nll"] == pytest.approx(test["nll"]), "of all rows, those of the test part are left"
    command("report", "runs/mine")
    assert "Poisson deviance" in Path("runs/mine/report.html").read_text()
    environment = json.loads(Path("runs/mine/environment.json").read_text())
    assert environment["plugins"]["poisson"] == "1.5"
    command("export", "runs/mine", "--format", "torch", "--out", "served")
    meanings = json.loads(Path("served/scores.json").read_text())
    assert "mean count of visits" in str(meanings)


@pytest.mark.parametrize("wrong", ["-1", "1.5", "many"])
def test_a_wrong_count_names_its_line_and_column(command, wrong):
    use("{visits: {kind: count}}")
    lines = Path("log.csv").read_text().splitlines()
    lines[7] = f"u1,i1,{wrong},0"
    Path("log.csv").write_text("\n".join(lines))
    message = command("data", "prepare", "table", "--config", "table.yaml", code=65)
    assert "log.csv:8" in message
    assert "visits" in message


def test_rows_of_a_user_are_ranked(command):
    use("{liked: {kind: pairwise}}")
    out = command(*TRAIN, "--set", "metrics=[gauc]")
    assert "test pair accuracy" in out
    assert "GAUC" in out
    test = json.loads(command("show", "runs/mine", "--json"))["test"]["liked"]
    assert 0.55 < test["pairs"] < 1
    scores, rows = predicted(command)
    item = rows["item"].str[1:].astype(int)
    assert kendalltau(scores["liked"].groupby(item).mean(), range(ITEMS)).statistic > 0.8
    assert "not calibrated" not in out
    command("report", "runs/mine")
    assert "pair accuracy" in Path("runs/mine/report.html").read_text()


def test_a_ranking_needs_users(command):
    use("{liked: {kind: pairwise}}")
    message = command(*TRAIN, "--set", "dataset.user=null", code=2)
    assert "the loss of 'liked', that of kind pairwise, compares the rows of a list or user" in message
    assert "--set dataset.user=FIELD" in message


def test_an_unknown_kind_of_a_label_is_an_error(command):
    use("{visits: {kind: cuont}}")
    message = command(*TRAIN, code=2)
    assert "dataset.labels.visits.kind is 'cuont' (did you mean 'count'?)" in message
