"""Early stopping, the best weights, and going on from a state."""

import pytest
import torch

from automtl_core.plugins import load_registry
from automtl_core.state import load_state, save_state
from automtl_core.testing import sample_problem, sample_schema
from automtl_core.training.fit import Fit
from automtl_core.training.metrics import TaskMetrics
from automtl_core.training.report import Silent
from automtl_desan.space import DESAN, DESANSettings


@pytest.fixture
def problem():
    settings = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-16",))
    return sample_problem(DESAN(sample_schema(), settings, load_registry().op), epochs=10)


def make(problem, **recipe):
    torch.manual_seed(0)
    network = problem.space.network(problem.space.supernet().architecture())
    return Fit(network, problem.data, problem.recipe.model_copy(update=recipe), problem.seed, problem.device)


class Watch(Silent):
    def __init__(self, fit):
        self.fit = fit
        self.reports = []
        self.weights = []

    def epoch(self, report):
        self.reports.append(report)
        self.weights.append(self.fit.network.tasks[0].tower[0].weight.detach().clone())


def script(monkeypatch, aucs, positives=(100, 100)):
    """Let validation return these AUCs of click and like, epoch by epoch."""
    values = iter(aucs)

    def evaluate(*_):
        pair = zip(("click", "like"), next(values), positives, strict=True)
        return {task: TaskMetrics(auc, 0.5, count, 400) for task, auc, count in pair}

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)


def run(fit):
    watch = Watch(fit)
    fit.run(watch)
    return watch


def test_stops_after_patience_and_restores_the_best_weights(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.7), (0.69, 0.7), (0.7, 0.69), (0.69, 0.69)])
    fit = make(problem, patience=3)
    watch = run(fit)
    assert [r.epoch for r in watch.reports] == [1, 2, 3, 4, 5]
    assert fit.best_epoch == 2
    assert torch.equal(fit.network.tasks[0].tower[0].weight, watch.weights[1])
    assert not torch.equal(watch.weights[1], watch.weights[4])


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


def test_epochs_of_the_search_count(problem):
    fit = make(problem, epochs=3)
    fit.epoch = fit.best_epochs[""] = 2
    assert [r.epoch for r in run(fit).reports] == [3]


def test_without_an_epoch_left_the_network_stays_as_it_is(problem):
    fit = make(problem, epochs=3)
    fit.epoch = fit.best_epochs[""] = 3
    before = fit.network.tasks[0].tower[0].weight.detach().clone()
    metrics = fit.run(Silent())
    assert set(metrics) == {"click", "like"}
    assert torch.equal(fit.network.tasks[0].tower[0].weight, before)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_goes_on_from_a_state_to_the_same_bytes(problem, tmp_path, stop):
    whole = make(problem, epochs=5, patience=2)
    whole.run(Silent())

    class Stop(Silent):
        def epoch(self, report):
            save_state(tmp_path / "state", half.state_dict())
            if report.epoch == stop:
                raise KeyboardInterrupt

    half = make(problem, epochs=5, patience=2)
    with pytest.raises(KeyboardInterrupt):
        half.run(Stop())
    rest = make(problem, epochs=5, patience=2)
    rest.load_state_dict(load_state(tmp_path / "state"))
    torch.manual_seed(99)
    assert rest.run(Silent()) == whole.best
    for left, right in zip(
        rest.network.state_dict().values(), whole.network.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right)
