"""Fits of small problems, watched, and with the metrics of a script."""

import pytest
import torch

from automtl_core.system.state import load_state, save_state
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_testing.samples import binary_metrics


def make(problem, first_epoch=0, chosen=(), **recipe):
    torch.manual_seed(0)
    network = problem.space.network(problem.space.supernet().architecture())
    recipe = {"average_weights": False, **recipe}
    recipe = problem.recipe.model_copy(update=recipe)
    return Fit(network, problem.data, recipe, problem.seed, problem.compute, first_epoch, chosen)


def weights(task):
    """Return the last weights of a task's tower, in DESAN or in a network of one task."""
    tower = task.towers.tops[0] if hasattr(task, "towers") else task.tower
    return tower[-1].weight


class Watch(EventHandler):
    def __init__(self, fit):
        self.fit = fit
        self.reports = []
        self.weights = []

    def epoch(self, report):
        self.reports.append(report)
        self.weights.append([weights(task).detach().clone() for task in self.fit.network.tasks])
        return True


def script(monkeypatch, aucs, positives=(100, 100)):
    """Let validation return these AUCs of click and like, epoch by epoch."""
    values = iter(aucs)

    def evaluate(*_):
        pair = zip(("click", "like"), next(values), positives, strict=True)
        return {task: binary_metrics(auc, 0.5, count, 400) for task, auc, count in pair}

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)


def run(fit):
    watch = Watch(fit)
    fit.run(watch)
    return watch


class Stop(EventHandler):
    """Saves the state of each epoch, and ends training after one."""

    def __init__(self, fit, path, epoch):
        self.fit, self.path, self.last = fit, path, epoch

    def epoch(self, report):
        save_state(self.path, self.fit.state_dict())
        if report.epoch == self.last:
            raise KeyboardInterrupt
        return True


def assert_resumes(problem, path, stop, **recipe):
    whole = make(problem, **recipe)
    whole.run(EventHandler())
    half = make(problem, **recipe)
    with pytest.raises(KeyboardInterrupt):
        half.run(Stop(half, path, stop))
    rest = make(problem, **recipe)
    rest.load_state_dict(load_state(path))
    torch.manual_seed(99)
    assert rest.run(EventHandler()) == whole.best
    assert rest.best_epoch == whole.best_epoch
    for left, right in zip(
        rest.network.state_dict().values(), whole.network.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right)
