"""When a fit stops, and which weights are the best."""

import pytest
import torch

from automtl_core.training.balancer import WeightedMean
from automtl_core.training.metric import Metric
from automtl_testing.samples import binary_metrics, regression_metrics

from .fits import make, run, script


def script_rmse(monkeypatch, values, rows=400):
    """Let validation return these pairs of an AUC of click and an RMSE of price, epoch by epoch."""
    values = iter(values)

    def evaluate(*_):
        area, rmse = next(values)
        return {
            "click": binary_metrics(area, 0.5, 100, 400),
            "price": regression_metrics(rmse, 1.0, 0.5, rows),
            "like": binary_metrics(None, 0.5, 0, 400),
        }

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)


def test_stops_after_patience_and_restores_the_best_weights(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.7), (0.69, 0.7), (0.7, 0.69), (0.69, 0.69)])
    fit = make(problem, patience=3)
    watch = run(fit)
    assert [r.epoch for r in watch.reports] == [1, 2, 3, 4, 5]
    assert fit.best_epoch == 2
    assert torch.equal(fit.network.tasks[0].tower[-1].weight, watch.weights[1][0])
    assert not torch.equal(watch.weights[1][0], watch.weights[4][0])


def test_patience_decides_when_to_stop(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.5, 0.5)])
    assert len(run(make(problem, patience=1)).reports) == 2


def test_rare_tasks_do_not_decide_when_to_stop(problem, monkeypatch):
    # like has 20 positives and loses much; click gets a little better each time
    aucs = [(0.60, 0.9), (0.61, 0.5), (0.62, 0.5), (0.63, 0.5)]
    script(monkeypatch, aucs, positives=(100, 20))
    fit = make(problem, patience=1, min_positives=50, epochs=4)
    assert len(run(fit).reports) == 4
    script(monkeypatch, aucs, positives=(100, 20))
    assert len(run(make(problem, patience=1, min_positives=1, epochs=4)).reports) == 2


def test_where_all_tasks_are_rare_all_decide(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.5, 0.5)], positives=(5, 5))
    assert len(run(make(problem, patience=1, min_positives=50)).reports) == 2


def test_a_lower_rmse_is_a_better_epoch(mixed, monkeypatch):
    script_rmse(monkeypatch, [(0.6, 3.0), (0.6, 2.0), (0.6, 2.5), (0.6, 2.1), (0.6, 1.0)])
    fit = make(mixed, patience=2)
    assert len(run(fit).reports) == 4
    assert (fit.best_epoch, fit.best["price"].values["rmse"]) == (2, 2.0)


def test_auc_and_rmse_are_weighed_against_each_other(mixed, monkeypatch):
    # AUC + 10 % and RMSE + 5 %, then against that RMSE - 10 % and AUC - 20 %
    script_rmse(monkeypatch, [(0.60, 2.0), (0.66, 2.1), (0.528, 1.89)])
    fit = make(mixed, epochs=3)
    changes = [report.change for report in run(fit).reports]
    assert changes == [None, pytest.approx(0.025), pytest.approx(-0.05)]
    assert fit.best_epoch == 2


def test_a_regression_with_few_rows_does_not_decide_when_to_stop(mixed, monkeypatch):
    values = [(0.60, 1.0), (0.61, 9.0), (0.62, 9.0)]
    script_rmse(monkeypatch, values, rows=20)
    assert len(run(make(mixed, patience=1, min_positives=50, epochs=3)).reports) == 3
    script_rmse(monkeypatch, values, rows=20)
    assert len(run(make(mixed, patience=1, min_positives=20, epochs=3)).reports) == 2


def test_a_monitored_metric_decides_when_to_stop_and_is_computed_each_epoch(problem):
    calls = []

    def falls(labels, predictions, users):
        calls.append(len(labels))
        return 1 / len(calls)

    for better, epochs, best in ((False, 4, 4), (True, 2, 1)):
        calls.clear()
        fit = make(problem, patience=1, epochs=4, monitor_metric="falls")
        fit.recipe = fit.recipe.knowing(WeightedMean, Metric("falls", falls, higher_is_better=better))
        watch = run(fit)
        assert (len(watch.reports), fit.best_epoch) == (epochs, best)
        assert len(calls) == epochs * len(problem.data.tasks)
        assert all("falls" in m.others for report in watch.reports for m in report.metrics.values())


def test_without_a_monitored_metric_an_epoch_computes_none(problem):
    fit = make(problem, epochs=1)
    assert fit.recipe.monitored == {}
    (report,) = run(fit).reports
    assert all(m.others == {} for m in report.metrics.values())
