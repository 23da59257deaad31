"""A search that ends with a network that is trained leaves nothing to train, and goes on as others do."""

from dataclasses import replace

import pytest

from automtl_core.run_dir.facts import Costs, Result
from automtl_core.training.events import EventHandler
from automtl_core.workflow.models import models

from .lines import REGISTRY, TRAINING, begin, contents, go_on, make_job, stopped

TRAINED = {
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 3, "min_positives": 1},
}
"""A search that ends with a network that is trained: of four epochs."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of such a search."""
    folder = tmp_path_factory.mktemp("trained")
    return begin(make_job(folder, TRAINED), folder / "run")


def test_what_a_search_has_trained_is_not_trained_again(trained):
    reports = trained.reports()
    assert [r["phase"] for r in reports[:2]] == ["candidate 1", "candidate 2"]
    assert len(reports) == 4
    assert not [r for r in reports if r["phase"] == "train"]
    result = trained.read(Result)
    winner = [r for r in reports if r["phase"] == reports[-1]["phase"]]
    validation = {task: replace(m, others={}).to_json() for task, m in result.validation.items()}
    assert validation == winner[result.best_epoch - 1]["validation"]
    costs = trained.read(Costs)
    assert costs.seconds["train"] == 0
    assert costs.seconds["search"] > 0


@pytest.mark.parametrize("stop", [1, 3])
def test_a_search_that_trains_goes_on_to_the_same_bytes(trained, tmp_path, stop):
    job = make_job(tmp_path, TRAINED)
    run = stopped(job, tmp_path / "stopped", stop)
    go_on(job, run)
    assert contents(run) == contents(trained)


def test_what_a_search_has_trained_from_scratch_is_kept_however_it_is_to_be_retrained(trained, tmp_path):
    run = begin(make_job(tmp_path, TRAINED, {"retrain": "scratch"}), tmp_path / "run")
    assert contents(run) == contents(trained)


def test_a_search_that_ended_early_is_trained_on(tmp_path):
    class Enough(EventHandler):
        def epoch(self, report):
            return report.phase == "train"

    run = begin(make_job(tmp_path, TRAINED), tmp_path / "run", Enough())
    assert [r["phase"] for r in run.reports()] == ["candidate 1", "train", "train", "train"]
    assert [r["epoch"] for r in run.reports()] == [1, 2, 3, 4]


ENSEMBLE = {"strategy": {**TRAINED["strategy"], "ensemble": 2, "ahead": 99.0}}


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """A finished run whose network is an ensemble."""
    folder = tmp_path_factory.mktemp("ensemble")
    return begin(make_job(folder, TRAINED, ENSEMBLE), folder / "run")


def test_the_members_of_an_ensemble_are_trained_in_the_search(ensemble):
    assert len(ensemble.architecture().members) == 2
    reports = ensemble.reports()
    phases = ["candidate 1", "candidate 1, seed 2", "candidate 2"]
    assert [r["phase"] for r in reports[:3]] == phases
    assert len(reports) == 3 + 2 * 2
    result = ensemble.read(Result)
    single = [r["validation"] for r in reports]
    assert {task: metrics.to_json() for task, metrics in result.validation.items()} not in single


@pytest.mark.parametrize("stop", [1, 5])
def test_the_search_for_an_ensemble_goes_on_to_the_same_bytes(ensemble, tmp_path, stop):
    job = make_job(tmp_path, TRAINED, ENSEMBLE)
    run = stopped(job, tmp_path / "stopped", stop)
    go_on(job, run)
    assert contents(run) == contents(ensemble)


def test_the_training_of_an_ensemble_goes_on_to_the_same_bytes(ensemble, tmp_path):
    data = {key: getattr(ensemble.config(), key).model_dump() for key in ("dataset", "training")}
    layer = {"prepared_dir": tmp_path / "prepared"}
    (job,) = models([str(ensemble.path)], REGISTRY, layer, below=[data]).values()
    whole, half = begin(job, tmp_path / "whole"), stopped(job, tmp_path / "half", 4)  # in the second member
    go_on(job, half)
    assert contents(half, TRAINING) == contents(whole, TRAINING)
