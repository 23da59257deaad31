"""Early stopping, the best weights, and going on from a state."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_baselines.single_task import SingleTask, SingleTaskSettings
from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.disk.state import load_state, save_state
from automtl_core.errors import UsageError
from automtl_core.plugins import load_registry
from automtl_core.schema import Schema, Task
from automtl_core.testing.samples import plain_schema, sample_part, sample_problem, sample_schema
from automtl_core.training.compute import CPU
from automtl_core.training.fit import Fit, TrainingData
from automtl_core.training.listener import Silent
from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics
from automtl_core.training.recipe import Recipe
from automtl_desan.space import DESAN, DESANSettings

SETTINGS = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-16",))


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SETTINGS, load_registry().op), epochs=10)


@pytest.fixture
def mixed():
    """Return a problem with a regression between two binary tasks, and a third of all labels missing."""
    space = DESAN(sample_schema(multi=False), SETTINGS, load_registry().op)
    return sample_problem(space, rows=1000, epochs=10, missing=1 / 3)


@pytest.fixture
def separate():
    """Return a problem for networks whose tasks share nothing."""
    settings = SingleTaskSettings(embedding_dim=4, expert_layers=(8,), tower_layers=(4,), dropout=0.0)
    return sample_problem(SingleTask(plain_schema(), settings, load_registry().op), epochs=10)


def make(problem, first_epoch=0, **recipe):
    torch.manual_seed(0)
    network = problem.space.network(problem.space.supernet().architecture())
    recipe = {"average_epochs": 0, **recipe}
    recipe = problem.recipe.model_copy(update=recipe)
    return Fit(network, problem.data, recipe, problem.seed, problem.compute, first_epoch)


def first_rows(part, rows):
    return Part(part.ids[:rows], part.dense[:rows], part.labels[:rows])


class Watch(Silent):
    def __init__(self, fit):
        self.fit = fit
        self.reports = []
        self.weights = []

    def epoch(self, report):
        self.reports.append(report)
        self.weights.append([task.tower[0].weight.detach().clone() for task in self.fit.network.tasks])
        return True


def script(monkeypatch, aucs, positives=(100, 100)):
    """Let validation return these AUCs of click and like, epoch by epoch."""
    values = iter(aucs)

    def evaluate(*_):
        pair = zip(("click", "like"), next(values), positives, strict=True)
        return {task: BinaryMetrics(auc, 0.5, count, 400) for task, auc, count in pair}

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)


def script_rmse(monkeypatch, values, rows=400):
    """Let validation return these pairs of an AUC of click and an RMSE of price, epoch by epoch."""
    values = iter(values)

    def evaluate(*_):
        area, rmse = next(values)
        return {
            "click": BinaryMetrics(area, 0.5, 100, 400),
            "price": RegressionMetrics(rmse, 1.0, 0.5, rows),
            "like": BinaryMetrics(None, 0.5, 0, 400),
        }

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
    assert torch.equal(fit.network.tasks[0].tower[0].weight, watch.weights[1][0])
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
    assert (fit.best_epoch, fit.best["price"].rmse) == (2, 2.0)


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


def test_epochs_of_the_search_count(problem):
    fit = make(problem, epochs=3)
    fit.epoch = fit.best_epochs[""] = 2
    assert [r.epoch for r in run(fit).reports] == [3]


def test_epochs_come_on_top_of_those_that_the_weights_have_behind_them(problem):
    fit = make(problem, first_epoch=5, epochs=3, patience=3)
    assert [report.epoch for report in run(fit).reports] == [6, 7, 8]
    assert fit.best_epoch > 5


def test_what_cannot_be_trained_is_an_error(problem):
    one = replace(problem.data, train=first_rows(problem.data.train, 1))
    fit = make(replace(problem, data=one))
    with pytest.raises(UsageError, match="no step can be taken on 1 training rows"):
        fit.run(Silent())


class Enough(Silent):
    """Has enough after some steps, or some epochs."""

    def __init__(self, steps=None, epochs=None):
        self.steps, self.epochs, self.reports = steps, epochs, []

    def step(self, phase, epoch, steps, done, rows):
        return self.steps is None or (epoch - 1) * steps + done < self.steps

    def epoch(self, report):
        self.reports.append(report)
        return len(self.reports) != self.epochs


def test_a_listener_that_has_enough_ends_training_with_what_there_is(problem):
    for enough, epochs in ((Enough(epochs=2), 2), (Enough(steps=1), 1), (Enough(steps=6), 2)):
        fit = make(problem, patience=10)
        untrained = fit.network.tasks[0].tower[0].weight.detach().clone()
        assert set(fit.run(enough)) == {"click", "like"}
        assert len(enough.reports) == epochs, "the epoch that is cut short is reported too"
        assert not torch.equal(fit.network.tasks[0].tower[0].weight, untrained)


class Stop(Silent):
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
    whole.run(Silent())
    half = make(problem, **recipe)
    with pytest.raises(KeyboardInterrupt):
        half.run(Stop(half, path, stop))
    rest = make(problem, **recipe)
    rest.load_state_dict(load_state(path))
    torch.manual_seed(99)
    assert rest.run(Silent()) == whole.best
    assert rest.best_epochs == whole.best_epochs
    for left, right in zip(
        rest.network.state_dict().values(), whole.network.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right)


@pytest.mark.parametrize("average", [0.0, 0.6])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_goes_on_from_a_state_to_the_same_bytes(problem, tmp_path, stop, average):
    assert_resumes(problem, tmp_path / "state", stop, epochs=5, patience=2, average_epochs=average)


@pytest.mark.parametrize("stop", [1, 3])
def test_real_and_missing_labels_go_on_from_a_state_to_the_same_bytes(mixed, tmp_path, stop):
    assert_resumes(mixed, tmp_path / "state", stop, epochs=4, patience=4)


def test_a_regression_is_learned_beside_tasks_of_which_labels_are_missing(mixed):
    watch = Watch(make(mixed, learning_rate=0.01, embedding_decay=0.0))
    metrics = watch.fit.run(watch)
    known = (~np.isnan(mixed.data.validation.labels)).sum(0)
    assert [m.rows for m in metrics.values()] == known.tolist()
    assert all(500 < count < 800 for count in known)
    # of a variance of 1, 0.64 can be predicted; chances of 0.2 and 0.8 allow an AUC of 0.8
    assert metrics["price"].r2 > 0.4
    deviation = mixed.data.tasks[1].deviation
    labels = mixed.data.validation.labels[:, 1]
    assert metrics["price"].rmse == pytest.approx(
        deviation * np.nanstd(labels) * (1 - metrics["price"].r2) ** 0.5, rel=1e-6
    )
    assert min(metrics[task].auc for task in ("click", "like")) > 0.7
    first, last = watch.reports[0].losses, watch.reports[-1].losses
    assert all(last[task] < first[task] for task in ("click", "price", "like"))


def test_separate_tasks_keep_the_best_epoch_of_each(separate, monkeypatch):
    # click is best after the first epoch, like after the third
    script(monkeypatch, [(0.8, 0.6), (0.7, 0.5), (0.7, 0.7), (0.7, 0.6), (0.7, 0.6)])
    fit = make(separate, patience=2)
    watch = run(fit)
    assert fit.best_epochs == {"tasks.0.": 1, "tasks.1.": 3}
    assert (fit.best["click"].auc, fit.best["like"].auc) == (0.8, 0.7)
    for task, epoch in enumerate((1, 3)):
        assert torch.equal(fit.network.tasks[task].tower[0].weight, watch.weights[epoch - 1][task])
        assert not torch.equal(watch.weights[0][task], watch.weights[2][task])


def test_patience_counts_from_the_last_epoch_at_which_any_separate_task_got_better(separate, monkeypatch):
    # the mean falls from the second epoch on, while like gets better up to the fourth
    script(monkeypatch, [(0.9, 0.60), (0.6, 0.61), (0.6, 0.62), (0.6, 0.63), (0.6, 0.6), (0.6, 0.6)])
    fit = make(separate, patience=2)
    assert len(run(fit).reports) == 6
    assert fit.best_epoch == 4


def test_a_rare_task_that_is_separate_decides_for_itself(separate, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.5), (0.5, 0.8)], positives=(100, 5))
    fit = make(separate, epochs=3, min_positives=50)
    run(fit)
    assert fit.best_epochs == {"tasks.0.": 2, "tasks.1.": 3}


def only(part, task):
    return Part(part.ids, part.dense, part.labels[:, task : task + 1])


@pytest.mark.parametrize("average", [0.0, 0.6])
@pytest.mark.parametrize("task", [0, 1])
def test_separate_tasks_are_trained_as_if_alone(separate, task, average):
    space, data, name = separate.space, separate.data, separate.data.tasks[task].name
    schema = Schema(space.schema.sparse, space.schema.dense, (Task(name),))
    recipe = separate.recipe.model_copy(update={"epochs": 4, "patience": 4, "average_epochs": average})
    # float64, since Adam makes steps of the rounding errors in the gradients of biases before a normalisation
    both = space.network(Architecture({})).double()
    one = SingleTask(schema, space.settings, space.op).network(Architecture({})).double()
    one.tasks[0].load_state_dict(both.tasks[task].state_dict())
    alone = TrainingData(only(data.train, task), only(data.validation, task), schema.tasks)
    together = Fit(both, data, recipe, separate.seed, separate.compute).run(Silent())[name]
    apart = Fit(one, alone, recipe, separate.seed, separate.compute).run(Silent())[name]
    assert apart.to_json() == pytest.approx(together.to_json())
    for left, right in zip(
        one.tasks[0].state_dict().values(), both.tasks[task].state_dict().values(), strict=True
    ):
        assert torch.allclose(left, right, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("stop", [1, 3])
def test_separate_tasks_go_on_from_a_state_to_the_same_bytes(separate, tmp_path, stop):
    assert_resumes(separate, tmp_path / "state", stop, epochs=5, patience=2)


class Masks(nn.Module):
    """Writes down what dropout and chance give it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.drawn = []

    def forward(self, ids, dense):
        if self.training:
            self.drawn.append(F.dropout(torch.ones(20), 0.5, True).tolist())
        return self.weight.expand(len(dense), 3)


def test_two_epochs_draw_two_masks_and_two_runs_the_same():
    def drawn():
        network, schema = Masks(), sample_schema()
        data = TrainingData(sample_part(schema, 64, 1), sample_part(schema, 64, 2), schema.tasks)
        recipe = Recipe(batch_size=64, epochs=3, patience=3, average_epochs=0)
        torch.rand(len(network.drawn) + 5)
        Fit(network, data, recipe, 0, CPU).run(Silent())
        return [tuple(mask) for mask in network.drawn]

    masks = drawn()
    assert len(set(masks)) == len(masks) == 3
    torch.manual_seed(99)
    assert drawn() == masks


class Normed(nn.Module):
    """Normalises dense values, and reads them."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(1), nn.Linear(1, 3)

    def forward(self, ids, dense):
        return self.linear(self.norm(dense))


def test_the_statistics_of_an_average_are_those_of_the_training_rows():
    network, schema = Normed(), sample_schema()
    data = TrainingData(sample_part(schema, 64, 1), sample_part(schema, 64, 2), schema.tasks)
    Fit(network, data, Recipe(batch_size=16, epochs=1), 0, CPU).run(Silent())
    assert network.norm.running_mean.item() == pytest.approx(data.train.dense.mean(), abs=1e-6)
    assert network.norm.num_batches_tracked.item() == 4
