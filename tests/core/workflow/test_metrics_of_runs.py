"""Registered metrics of runs: recorded, repeated, computed for other names, and faulty ones."""

import json

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples
from automtl_core.errors import UnknownNameError, UsageError
from automtl_core.registry.kinds import METRICS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Environment, Result
from automtl_core.tasks.builtin import auc
from automtl_core.training.events import SILENT
from automtl_core.training.metric import Metric
from automtl_core.workflow.evaluation import is_tested
from automtl_core.workflow.models import models
from automtl_core.workflow.new_rows import measure
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.workflow import Workflow
from automtl_metrics.rankings import gauc

from .lines import TRAINING, begin, contents, fit, go_on, search, start, stopped

SHARE = Metric("share", lambda labels, predictions, users: labels.mean())
BROKEN = Metric("broken", lambda labels, predictions, users: 1 // 0)
REGISTRY = load_registry().adding(METRICS, "share", SHARE).adding(METRICS, "broken", BROKEN)
NAMES = ("pr-auc", "gauc", "ndcg-3", "share", "broken")
LAYER = {
    "dataset": {"name": "synthetic", "kind": "history", "split": "random", "rows": 8000},
    "features": "ids",
    "training": {"epochs": 2, "batch_size": 256, "min_positives": 10, "embedding_decay": 0.01},
    "metrics": NAMES,
}


def make_job(folder, **changes):
    tiny = {"space": {"embedding_dim": 4, "experts": 1, "expert_layers": [8], "tower_layers": []}}
    layers = (LAYER, tiny, {"prepared_dir": folder / "prepared"}, changes)
    return models(["mmoe"], REGISTRY, *layers)["mmoe"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Give the job of a finished run, the run and its data."""
    folder = tmp_path_factory.mktemp("metrics")
    job = make_job(folder)
    return job, begin(job, folder / "run"), job.prepare()


def test_a_run_records_them_for_test_and_validation_rows(finished):
    job, run, prepared = finished
    result, made = run.read(Result), Trained.of(run, job.registry)
    assert result.metrics == NAMES
    for name, metrics in (("test", result.test), ("validation", result.validation)):
        part, logits = prepared.part(name), made.predict_logits(prepared.part(name))
        assert list(metrics) == ["click", "like", "cart", "buy"]
        for t, m in enumerate(metrics.values()):
            assert list(m.others) == list(NAMES)
            assert m.values["auc"] == auc(part.labels[:, t], logits[:, t]), (
                "the network of the metrics is that of the AUC"
            )
            expected = gauc(part.labels[:, t].astype(float), logits[:, t], prepared.part(name).users)
            assert (m.others["gauc"].value, m.others["gauc"].rows) == expected[:2]
            assert m.others["share"].value == m.positives / m.rows


def test_metrics_of_a_run_are_not_those_of_epochs_and_their_faults_and_plugins_are_recorded(finished):
    _, run, _ = finished
    assert not any("others" in m for report in run.reports() for m in report["validation"].values())
    found = run.read(Result).test["click"].others["broken"]
    assert found.value is None
    assert found.reason.startswith("the metric 'broken' of plugin 'script' failed: ZeroDivisionError")
    assert run.done()
    assert {"metrics", "script", "baselines"} <= run.read(Environment).plugins.keys()


def test_an_evaluation_repeats_them_or_computes_others(finished):
    _, run, _ = finished
    flow = Workflow(REGISTRY)
    again = flow.evaluate(run.path)
    assert again.repeats
    assert again.test == run.read(Result).test
    others = flow.evaluate(run.path, metrics=["ndcg-7", "gauc"])
    assert others.repeats
    assert list(others.test["click"].others) == ["ndcg-7", "gauc"]
    assert flow.evaluate(run.path, metrics=[]).test["click"].others == {}
    with pytest.raises(UnknownNameError, match="no metric is called 'ndgc-7'"):
        flow.evaluate(run.path, metrics=["ndgc-7"])
    with pytest.raises(UnknownNameError, match="plugins that are not available: script none"):
        Workflow(load_registry()).evaluate(run.path)


def test_metrics_that_are_named_later_test_again_and_train_nothing(finished, tmp_path):
    job, _, prepared = finished
    job = job.having(metrics=("gauc",))
    with start(job, prepared, tmp_path / "run") as run:
        trained = fit(job, run, prepared, SILENT)
        assert not is_tested(job, run)
        assert list(trained.validation["click"].others) == ["gauc"]
        first = search(job, run, prepared, SILENT, anyway=True)
        assert is_tested(job, run)
        other = job.having(metrics=("pr-auc", "share"))
        assert not is_tested(other, run)
        second = search(other, run, prepared, SILENT, anyway=True)
        third = search(job, run, prepared, SILENT, anyway=True)
        assert third.validation == first.validation == trained.validation
    assert first.files == second.files == trained.files
    assert list(second.test["click"].others) == list(second.validation["click"].others) == ["pr-auc", "share"]
    assert second.test["click"].values["auc"] == first.test["click"].values["auc"]


def test_metrics_by_user_are_left_out_where_no_field_names_the_user(tmp_path):
    pairs = {"kind": "pairs", "rows": 500}
    job = make_job(tmp_path, dataset=pairs, metrics=("pr-auc", "gauc"))
    test = begin(job, tmp_path / "run").read(Result).test
    assert all(list(m.others) == ["pr-auc"] for m in test.values() if m.kind == "binary")
    wrong = make_job(tmp_path, dataset=pairs, training={"monitor_metric": "gauc"})
    with pytest.raises(UsageError, match=r"training.monitor_metric: gauc is computed by user"):
        wrong.checked(job.prepare())


@pytest.mark.parametrize("changes", [{"metrics": ("gacu",)}, {"training": {"monitor_metric": "gacu"}}])
def test_an_unknown_metric_is_an_error_before_the_training(tmp_path, changes):
    job = make_job(tmp_path, **changes)
    with pytest.raises(UnknownNameError, match="no metric is called 'gacu'"):
        job.checked(job.prepare())


def test_a_monitored_metric_is_that_of_validation_rows_after_each_epoch(tmp_path):
    job = make_job(tmp_path, training={"monitor_metric": "gauc"}, metrics=("gauc",))
    run = begin(job, tmp_path / "run")
    result, reports = run.read(Result), run.reports()
    values = [r["validation"]["click"]["gauc"] for r in reports]
    assert all(isinstance(value, float) for value in values)
    assert result.validation["click"].others["gauc"].value == values[result.best_epoch - 1]
    first, second = (np.array([m["gauc"] for m in report["validation"].values()]) for report in reports)
    assert reports[1]["change"] == pytest.approx((second / first - 1).mean())
    half = stopped(job, tmp_path / "stopped", 1)
    go_on(job, half)
    assert contents(half, TRAINING) == contents(run, TRAINING)


def test_users_of_new_rows_are_identified_by_their_values_in_or_outside_of_the_vocabulary(finished):
    job, run, _ = finished
    made, rows = Trained.of(run, job.registry), 60
    draw = np.random.default_rng(0)
    columns = made.encoder.decode(job.prepare().part("test").some(slice(rows)))
    frame = pd.DataFrame(columns).assign(user_id=[f"new user {k % 4}" for k in range(rows)])
    frame["click"] = draw.integers(0, 2, rows)
    frame.loc[:9, "user_id"] = None
    test, count, _ = measure(made, NewExamples(job.dataset(), frame), {"gauc": REGISTRY.get(METRICS, "gauc")})
    part = made.encoder.encode(frame)
    assert set(part.ids[:, [f.name for f in made.encoder.schema.sparse].index("user_id")]) == {0}
    known = frame.user_id.notna().to_numpy()
    users = frame.user_id.fillna("").map(lambda name: int(name[-1:] or -1)).to_numpy()
    logits = made.predict_logits(part)[:, 0]
    expected = gauc(frame.click.to_numpy(float)[known], logits[known], users[known])
    assert count == rows
    found = test["click"].others["gauc"]
    assert (found.value, found.rows) == pytest.approx(expected[:2])
    assert json.loads(json.dumps(test["click"].to_json())) == test["click"].to_json()
