"""Means of several models by commands: shown, evaluated, trained again, begun with and compared."""

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
    """Return a run whose network is the mean of three."""
    shutil.copytree(ensembled, here, dirs_exist_ok=True)
    return DONE


NAME = "mean of candidate 1 + candidate 2 + mmoe"


def models(run):
    """Return the names of the models of a run."""
    config = Run.open(run).config().space
    return [model["name"] for model in config.settings.get("models", ())]


def test_the_result_of_a_search_is_the_mean_of_models_of_two_kinds(automtl, done):
    assert models(done) == ["desan", "desan", "mmoe"]
    assert yaml.safe_load((done / "config.yaml").read_text())["strategy"]["ensemble"] == 3
    (chosen,) = (point for point in Run.open(done).read(Search).front if point.chosen)
    assert chosen.name == NAME
    result = json.loads((done / "result.json").read_text())
    assert chosen.flops_per_row == result["flops_per_row"]
    assert chosen.parameters == result["parameters"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "darts"], "strategy.ensemble is not a setting\n  fix: strategy takes: epochs"),
        (["--set", "strategy.ensemble=0"], "strategy.ensemble"),
        (["--resume", "runs/done"], "--resume"),
    ],
)
def test_where_there_can_be_no_ensemble(automtl, done, arguments, message):
    ended = automtl("search", "--set", "strategy.ensemble=3", *arguments)
    assert (ended.code, message in ended.err) == (2, True), ended.err


def test_its_models_are_shown(automtl, done):
    shown = automtl("show", done).out
    is_desan = "member 1 is desan, member 2 is desan, member 3 is mmoe"
    assert f"\nThe prediction is the mean of the outputs of 3 models: {is_desan}\n" in shown
    assert [line for line in shown.splitlines() if line.startswith("member ")] == ["member 1", "member 2"]
    assert shown.count("\nlayer0/expert0/block0 ") == 2
    assert shown.count("\nlayer0 ") == 2
    assert f"4 {NAME} *" in shown
    assert "The network reads all 13 fields" in shown


def test_it_is_trained_again(automtl, done):
    plan = automtl("train", "--model", done, "--dry-run", "--json").json()["plan"]
    assert plan["most_training_epochs"] == 6
    again = Run.open(Path(automtl("train", "--model", done, "--json").json()["run"]))
    assert again.architecture() == Run.open(done).architecture()
    assert [report["epoch"] for report in again.reports()] == [1, 2, 3, 4, 5, 6]
    points = [point.name for point in Run.open(done).read(Search).front]
    first = f"{done}@{points.index('candidate 1') + 1}"
    alone = Run.open(Path(automtl("train", "--model", first, "--json").json()["run"])).weights()
    weights = again.weights()
    assert all(torch.equal(weights[f"members.0.{name}"], alone[name]) for name in alone), (
        "the seed is the same"
    )
    assert automtl("evaluate", again.path).code == 0


@pytest.mark.parametrize(("name", "count"), [("candidate 2", 0), (NAME, 3)])
def test_a_point_is_trained(automtl, done, name, count):
    front = Run.open(done).read(Search).front
    number = [point.name for point in front].index(name) + 1
    found = automtl("train", "--model", f"{done}@{number}", "--set", "training.epochs=1", "--json").json()
    assert len(models(Path(found["run"]))) == count
    assert found["result"]["flops_per_row"] == front[number - 1].flops_per_row
    assert automtl("evaluate", found["run"]).code == 0


COMPARED = """
training: {epochs: 2, batch_size: 200}
"""


def test_an_average_is_compared_with_one_of_a_search(automtl, done):
    Path("common.yaml").write_text(COMPARED)
    Path("two.yaml").write_text("space: {name: average, models: [{name: mmoe, experts: 2}, shared-bottom]}")
    run = automtl(
        "compare", "--models", f"two.yaml,{done}", "--config", "common.yaml", "--seeds", "1",
        "--set", "dataset.rows=600", "--out", "compared", "--json",
    )  # fmt: skip
    assert set(run.json()["models"]) == {"two.yaml", "done"}
    found = {len(models(path.parent)) for path in Path("compared").rglob("architecture.json")}
    assert found == {2, 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "--model", "average", "--set", "space.models=[mmoe, {name: ple, levels: 0}]"],
            "space.models, ple.levels: expected",
        ),
        (["train", "--model", "average", "--set", "space.models=[mmoee]"], "did you mean 'mmoe'"),
        (["train", "--model", "average", "--set", "space.models=[average]"], "list the models themselves"),
        (["train", "--model", "average", "--set", "space.models=[desan]"], "average leaves"),
        (["search", "--space", "average", "--strategy", "random"], "average is not searched"),
    ],
)
def test_what_cannot_be_averaged(automtl, done, arguments, message):
    ended = automtl(*arguments, "--set", "dataset.rows=600")
    assert (ended.code, message in ended.err) == (2, True), ended.err
