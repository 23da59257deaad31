"""Ensembles by commands: what a search finds is shown, evaluated, trained again, begun with and compared."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from automtl_core.run_dir.facts import Search
from automtl_core.run_dir.run import Run

DONE = Path("runs/done")


@pytest.fixture
def done(ensembled, here):
    """Return a run whose network is an ensemble of three."""
    shutil.copytree(ensembled, here, dirs_exist_ok=True)
    return DONE


def members(run):
    return list(Run.open(run).architecture().members)


def test_the_number_of_members_is_a_setting_of_the_strategy(automtl, done):
    assert members(done) == ["member 1", "member 2", "member 3"]
    assert yaml.safe_load((done / "config.yaml").read_text())["strategy"]["ensemble"] == 3
    (chosen,) = (point for point in Run.open(done).read(Search).front if point.chosen)
    assert chosen.name == "ensemble of 3"
    result = json.loads((done / "result.json").read_text())
    assert chosen.flops_per_row == result["flops_per_row"]
    assert chosen.parameters == result["parameters"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "darts"], "strategy.ensemble is not a setting\n  fix: strategy takes: decay"),
        (["--ensemble", "0"], "'--ensemble'"),
        (["--resume", "runs/done"], "--resume"),
    ],
)
def test_where_there_can_be_no_ensemble(automtl, done, arguments, message):
    ended = automtl("search", "--ensemble", "3", *arguments)
    assert (ended.code, message in ended.err) == (2, True), ended.err


def test_members_with_the_same_architecture_are_shown_once(automtl, done):
    shown = automtl("show", done).out
    names = {}
    for name, member in Run.open(done).architecture().members.items():
        names.setdefault(member.to_json(), []).append(name)
    assert sorted(map(len, names.values())) == [1, 2]
    assert "\nEnsemble of 3 networks: the prediction is the mean of their outputs\n" in shown
    assert [line for line in shown.splitlines() if line.startswith("member ")] == [
        ", ".join(each) + " (the same architecture)" * (len(each) > 1) for each in names.values()
    ]
    assert shown.count("\nlayer0/expert0/block0 ") == 2
    assert shown.count("read by") == 2
    assert "6 ensemble of 3 *" in shown
    assert "The network reads all 13 fields" in shown


def test_an_ensemble_is_trained_again(automtl, done):
    plan = automtl("train", "--model", done, "--dry-run", "--json").json()["plan"]
    assert plan["most_training_epochs"] == 6
    again = Run.open(Path(automtl("train", "--model", done, "--json").json()["run"]))
    assert again.architecture() == Run.open(done).architecture()
    assert [report["epoch"] for report in again.reports()] == [1, 2, 3, 4, 5, 6]
    first, points = again.architecture().members["member 1"], Run.open(done).read(Search).front
    number = next(k for k, point in enumerate(points, 1) if dict(point.decisions) == dict(first.decisions))
    alone = Run.open(Path(automtl("train", "--model", f"{done}@{number}", "--json").json()["run"])).weights()
    weights = again.weights()
    assert all(torch.equal(weights[f"members.0.{name}"], alone[name]) for name in alone), (
        "the seed is the same"
    )
    assert automtl("evaluate", again.path).code == 0


@pytest.mark.parametrize(("name", "count"), [("candidate 2", 0), ("ensemble of 2", 2)])
def test_a_point_is_trained(automtl, done, name, count):
    front = Run.open(done).read(Search).front
    number = [point.name for point in front].index(name) + 1
    found = automtl("train", "--model", f"{done}@{number}", "--set", "training.epochs=1", "--json").json()
    assert len(members(Path(found["run"]))) == count
    assert found["result"]["flops_per_row"] == front[number - 1].flops_per_row
    assert automtl("evaluate", found["run"]).code == 0


def test_a_search_begins_with_the_first_member(automtl, done):
    again = automtl("search", "--config", "small.yaml", "--from", done, "--ensemble", "2", "--json").json()
    points = {point.name: point for point in Run.open(Path(again["run"])).read(Search).front}
    first = Run.open(done).architecture().members["member 1"]
    assert points["start"].decisions == points["start, seed 2"].decisions == first.decisions


COMPARED = """
space: {layers: 1, experts: 2, blocks: 1, ops: [identity, mlp-4], embedding_dim: 4}
strategy: {epochs: 1, rounds: 1, rivals: [], rung_epochs: 1, ahead: 99}
training: {epochs: 2, batch_size: 200}
"""


def test_ensembles_are_compared(automtl, done):
    Path("common.yaml").write_text(COMPARED)
    run = automtl(
        "compare", "--models", f"desan:pd-darts,{done}", "--config", "common.yaml", "--seeds", "1",
        "--set", "strategy.ensemble=2", "--set", "dataset.rows=600", "--out", "compared", "--json",
    )  # fmt: skip
    assert set(run.json()["models"]) == {"desan:pd-darts", "done"}
    found = {len(members(path.parent)) for path in Path("compared").rglob("architecture.json")}
    assert found == {2, 3}
