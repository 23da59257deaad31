"""The training of a run, of one network or of several, and the refit on training and validation rows."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from stopping import StopAfter

import automtl
from automtl_core.run_dir.config import default, load_config
from automtl_core.run_dir.facts import Costs, Result
from automtl_core.run_dir.run import Run
from automtl_core.training.events import SILENT, EpochEnded, Warned
from automtl_core.workflow.budget import Clock
from automtl_core.workflow.evaluation import evaluate_run, predict_logits
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import models
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record

from .lines import EQUAL, REGISTRY, TRAINING, begin, contents, go_on, make_job

ROWS = 400
LAYER = {
    "dataset": {
        "name": "table",
        "files": "rows.csv",
        "labels": {"click": {}, "hours": {"kind": "regression"}},
        "sparse": {"user": "text", "item": "text"},
        "user": "user",
        "time": "time",
        "split": "time",
    },
    "features": {"aggregates": [["item"]]},
    "training": {"batch_size": 64, "min_positives": 1},
}
NETWORK = {"features": {"numbers": "standard"}, "training": {"epochs": 3}}
"""Settings without effect on boosted trees."""
SEARCH = {
    "space": {"embedding_dim": 4, "experts": 2, "expert_width": 8, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
}


def table():
    """Return rows in the order of their times; later rows have new items, and larger labels."""
    draw, n = np.random.default_rng(0), np.arange(ROWS)
    item = n // 10 + draw.integers(0, 10, ROWS)
    return pd.DataFrame(
        {
            "time": 1_700_000_000 + 600 * n,
            "user": [f"u{k}" for k in draw.integers(0, 30, ROWS)],
            "item": [f"i{k}" for k in item],
            "click": (draw.random(ROWS) < 0.3 + 0.4 * (item % 2)).astype(int),
            "hours": item + draw.normal(size=ROWS),
            "worth": draw.integers(0, 3, ROWS),
        }
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Return a function that makes the job of a model, or of a search."""
    folder = tmp_path_factory.mktemp("refit")
    table().to_csv(folder / "rows.csv", index=False)
    layers = (LAYER, {"data_dir": folder, "prepared_dir": folder / "prepared"})

    def make(kind="mmoe"):
        match kind:
            case "search":
                return Job.resolve(load_config(default(REGISTRY), *layers, NETWORK, SEARCH), REGISTRY)
            case "boosting":
                return models([kind], REGISTRY, *layers)[kind]
        weights = {"dataset": {"weights": "worth"}} if kind == "weighted" else {}
        return models(["mmoe"], REGISTRY, *layers, NETWORK, weights)["mmoe"]

    return make


@pytest.fixture(scope="module")
def whole(job, tmp_path_factory):
    """Return a function that gives a finished run of a model."""
    folder = tmp_path_factory.mktemp("whole")
    return cache(lambda kind: begin(job(kind), folder / kind))


@pytest.fixture(scope="module")
def plain(job, tmp_path_factory):
    """A run without a refit."""
    return begin(job().having(refit=False), tmp_path_factory.mktemp("plain") / "run")


def test_the_test_is_that_of_the_refitted_network_and_the_validation_that_before(job, whole, plain):
    run, prepared = whole("mmoe"), job().prepare()
    result, before = run.read(Result), plain.read(Result)
    assert (result.refitted, before.refitted) == (True, False)
    assert result.validation == before.validation
    assert result.test != before.test
    phases = [report["phase"] for report in run.reports()]
    assert phases == ["train"] * 3 + ["refit"] * result.best_epoch
    assert run.read(Costs).seconds["refit"] > 0
    served = run.served(prepared)
    assert served.of_refit
    assert plain.served(prepared) is prepared
    assert evaluate_run(job(), run, served) == result.test
    assert Workflow(REGISTRY).evaluate(run.path).repeats
    assert run.encoder().schema.sparse[1].size > plain.encoder().schema.sparse[1].size


def test_new_rows_are_predicted_as_test_rows_are(job, whole):
    run = whole("mmoe")
    served = run.served(job().prepare())
    order = np.argsort(served.times("test"))
    expected = predict_logits(job(), run, served)[order].astype(np.float64)
    found = automtl.load(run.path).predict(table().iloc[-len(order) :])
    for task, logits in zip(served.schema.tasks, expected.T, strict=True):
        assert found[task.name].to_numpy() == pytest.approx(task.predictions(logits), rel=1e-6, abs=1e-6)


def test_a_refit_keeps_weights_and_leaves_out_validation_rows_of_weight_0(job, whole):
    run, prepared, rows = whole("weighted"), job("weighted").prepare(), table()
    for data, count in ((prepared, 320), (run.served(prepared), 360)):
        train = data.part("train")
        assert sorted(train.weights[:, 1]) == sorted(w for w in rows["worth"][:count] if w)
        assert not np.isnan(train.labels).any()
    assert (prepared.part("validation").weights == 0).any()
    most = len(prepared.part("train")) + 40
    assert f"trained again on at most {most} training" in read_record(run.path, REGISTRY).refit
    assert contents(run, TRAINING) != contents(whole("mmoe"), TRAINING)


@pytest.mark.parametrize("model", ["mmoe", "weighted", "search", "boosting"])
@pytest.mark.parametrize("stop", ["epoch", "write_architecture", "save_weights"])
def test_a_run_that_is_stopped_in_the_refit_goes_on_to_the_same_bytes(
    job, whole, tmp_path, monkeypatch, model, stop
):
    if model == "boosting":
        pytest.importorskip("lightgbm", reason="LightGBM is not installed: pip install 'automtl[boosting]'")
    phases = [report["phase"] for report in whole(model).reports()]
    listener = StopAfter(phases.index("refit") + 1) if stop == "epoch" else SILENT
    with monkeypatch.context() as patch:
        if stop != "epoch":
            interrupt_after_refit(patch, stop)
        with pytest.raises(KeyboardInterrupt):
            begin(job(model), tmp_path / "run", listener)
    run = Run.open(tmp_path / "run")
    assert not run.has(Result)
    go_on(job(model), run)
    names = EQUAL if model == "search" else TRAINING
    assert contents(run, names) == contents(whole(model), names)
    assert evaluate_run(job(model), run, run.served(job(model).prepare())) == run.read(Result).test


def interrupt_after_refit(patch, name):
    """Let a method of a run interrupt after the refit."""
    method = getattr(Run, name)

    def call(self, *arguments):
        method(self, *arguments)
        if any(report["phase"] == "refit" for report in self.reports()):
            raise KeyboardInterrupt

    patch.setattr(Run, name, call)


def warnings_of(job, path, refits=True):
    """Return a finished run of a job, whose refit may be ended, and its warnings."""
    warnings = []

    def hear(event):
        warnings.extend([event.sentence] if isinstance(event, Warned) else [])
        return refits or not (isinstance(event, EpochEnded) and event.phase == "refit")

    return begin(job, path, hear), warnings


def test_a_refit_that_is_ended_keeps_the_network_before(job, plain, tmp_path):
    run, warnings = warnings_of(job(), tmp_path / "run", refits=False)
    assert "the refit was ended, and the network is that of the training before it" in warnings
    assert run.read(Result) == plain.read(Result)
    weights, before = run.weights(), plain.weights()
    assert all(torch.equal(weights[name], before[name]) for name in before)
    assert run.encoder().schema == plain.encoder().schema


def test_without_time_there_is_no_refit(job, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Clock, "has_time", lambda self, seconds: asked.append(seconds))
    run, warnings = warnings_of(job().having(time_budget=3600.0), tmp_path / "run")
    assert any("is not trained again on validation rows: there is no time left" in told for told in warnings)
    assert not run.read(Result).refitted
    seconds = run.read(Costs).seconds["train"]
    assert asked == [pytest.approx(seconds * run.read(Result).best_epoch / 3)]


@pytest.mark.parametrize("model", ["mmoe", "boosting"])
def test_with_time_each_kind_of_network_is_refitted(job, tmp_path, model):
    if model == "boosting":
        pytest.importorskip("lightgbm", reason="LightGBM is not installed: pip install 'automtl[boosting]'")
    run = begin(job(model).having(time_budget=3600.0), tmp_path / "run")
    assert run.read(Result).refitted


def test_where_rows_are_split_by_time_or_where_it_is_asked_for(job, tmp_path):
    plain, scratch = make_job(tmp_path), make_job(tmp_path, {"retrain": "scratch"})
    assert [one.refits() for one in (job(), job("search"), scratch)] == [True, True, False]
    assert scratch.having(refit=True).refits()
    assert plain.retrain() == "inherit"
    assert not plain.having(refit=True).refits()
