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


NAME = "blend of 3"


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
