"""What a fit trains: epochs, ends that a listener asks for, draws, and going on from a state."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_core.data.part import Part
from automtl_core.disk.state import is_in_file
from automtl_core.errors import UsageError
from automtl_core.modules.table import RowTable
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit, TrainingData
from automtl_core.training.recipe import Recipe
from automtl_testing.samples import sample_part, sample_schema

from .fits import Watch, assert_resumes, make, run


def first_rows(part, rows):
    return Part(part.ids[:rows], part.dense[:rows], part.labels[:rows])


def test_epochs_of_the_search_count(problem):
    fit = make(problem, epochs=3)
    fit.epoch = fit.common[0].epoch = 2
    assert [r.epoch for r in run(fit).reports] == [3]


def test_epochs_come_on_top_of_those_that_the_weights_have_behind_them(problem):
    fit = make(problem, first_epoch=5, epochs=3, patience=3)
    assert [report.epoch for report in run(fit).reports] == [6, 7, 8]
    assert fit.best_epoch > 5


def test_what_cannot_be_trained_is_an_error(problem):
    one = replace(problem.data, train=first_rows(problem.data.train, 1))
    fit = make(replace(problem, data=one))
    with pytest.raises(UsageError, match="no step can be taken on 1 training rows"):
        fit.run(EventHandler())


class Enough(EventHandler):
    """Has enough after some steps, or some epochs."""

    def __init__(self, steps=None, epochs=None):
        self.steps, self.epochs, self.reports = steps, epochs, []

    def step(self, event):
        return self.steps is None or (event.epoch - 1) * event.steps + event.done < self.steps

    def epoch(self, report):
        self.reports.append(report)
        return len(self.reports) != self.epochs


def test_a_listener_that_has_enough_ends_training_with_what_there_is(problem):
    for enough, epochs in ((Enough(epochs=2), 2), (Enough(steps=1), 1), (Enough(steps=6), 2)):
        fit = make(problem, patience=10)
        untrained = fit.network.tasks[0].tower[-1].weight.detach().clone()
        assert set(fit.run(enough)) == {"click", "like"}
        assert len(enough.reports) == epochs, "the epoch that is cut short is reported too"
        assert not torch.equal(fit.network.tasks[0].tower[-1].weight, untrained)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_goes_on_from_a_state_to_the_same_bytes(problem, tmp_path, stop, average):
    assert_resumes(problem, tmp_path / "state", stop, epochs=5, patience=2, average_weights=average)


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
    assert metrics["price"].values["r2"] > 0.4
    deviation = mixed.data.tasks[1].deviation
    labels = mixed.data.validation.labels[:, 1]
    assert metrics["price"].values["rmse"] == pytest.approx(
        deviation * np.nanstd(labels) * (1 - metrics["price"].values["r2"]) ** 0.5, rel=1e-6
    )
    assert min(metrics[task].values["auc"] for task in ("click", "like")) > 0.7
    first, last = watch.reports[0].losses, watch.reports[-1].losses
    assert all(last[task] < first[task] for task in ("click", "price", "like"))


class Masks(nn.Module):
    """Writes down what dropout and chance give it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.drawn = []

    def forward(self, features):
        if self.training:
            self.drawn.append(F.dropout(torch.ones(20), 0.5, True).tolist())
        return self.weight.expand(len(features.dense), 3)


def test_two_epochs_draw_two_masks_and_two_runs_the_same():
    def drawn():
        network, schema = Masks(), sample_schema()
        data = TrainingData(sample_part(schema, 64, 1), sample_part(schema, 64, 2), schema.tasks)
        recipe = Recipe(batch_size=64, epochs=3, patience=3, average_weights=False)
        torch.rand(len(network.drawn) + 5)
        Fit(network, data, recipe, 0, CPU).run(EventHandler())
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

    def forward(self, features):
        return self.linear(self.norm(features.dense))


def test_the_statistics_of_an_average_are_those_of_the_training_rows():
    network, schema = Normed(), sample_schema()
    train, validation = (sample_part(schema, 64, seed, missing=0.0) for seed in (1, 2))
    data = TrainingData(train, validation, schema.tasks)
    Fit(network, data, Recipe(batch_size=16, epochs=1), 0, CPU).run(EventHandler())
    assert network.norm.running_mean.item() == pytest.approx(data.train.dense.mean(), abs=1e-6)
    assert network.norm.num_batches_tracked.item() == 4


@pytest.mark.parametrize("average", [True, False])
def test_large_tables_on_disk_have_the_same_bytes(problem, monkeypatch, tmp_path, average):
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 10)
    monkeypatch.setattr("automtl_core.disk.state.LARGE", 1)
    recipe = {"average_weights": average, "embedding_decay": 1e-3, "epochs": 3}
    on_disk = replace(problem, compute=replace(problem.compute, tables_on_disk=True))
    fit, in_memory = (make(each, **recipe) for each in (on_disk, problem))
    assert fit.run(EventHandler()) == in_memory.run(EventHandler())
    for name, weight in in_memory.network.state_dict().items():
        assert torch.equal(fit.network.state_dict()[name], weight)
    table, averaged = (
        next(m.weight for m in network.modules() if isinstance(m, RowTable))
        for network in (fit.network, fit.average.network)
    )
    assert (averaged is table) != average
    moments = fit.optimiser.rules[table].state["exp_avg_sq"]
    assert all(is_in_file(state) for state in (table, averaged, moments))
    assert_resumes(on_disk, tmp_path / "state", 1, **recipe)
