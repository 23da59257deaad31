"""Fits: epochs, early stopping, separate tasks, lessons of a learner, and continuation from a state."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_baselines.mlps import SingleTask
from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, Task
from automtl_core.errors import DivergedError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.system.state import load_state, save_state
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner, TrainingData
from automtl_core.training.recipe import Recipe
from automtl_testing.samples import sample_part, sample_schema

from .fits import Watch, assert_resumes, make, run, script, weights

REGISTRY = load_registry()


def first_rows(part, rows):
    return Part(part.ids[:rows], part.dense[:rows], part.labels[:rows])


def test_epochs_come_on_top_of_earlier_ones_and_need_rows(problem):
    fit = make(problem, first_epoch=5, epochs=3, patience=3)
    assert [report.epoch for report in run(fit).reports] == [6, 7, 8]
    assert fit.best_epoch > 5
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


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("problem", {"epochs": 5, "patience": 2}),
        ("problem", {"epochs": 5, "patience": 2, "average_weights": True}),
        ("problem", {"chosen": (4,)}),
        ("mixed", {"epochs": 4, "patience": 4}),
        ("separate", {"epochs": 5, "patience": 2}),
    ],
    ids=["plain", "averaged weights", "refit", "real and missing labels", "separate tasks"],
)
def test_goes_on_from_a_state_to_the_same_bytes(kind, how, stop, tmp_path, request):
    assert_resumes(request.getfixturevalue(kind), tmp_path / "state", stop, **how)


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


def test_stops_after_patience_and_restores_the_best_weights(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.7), (0.69, 0.7), (0.7, 0.69), (0.69, 0.69)])
    fit = make(problem, patience=3)
    watch = run(fit)
    assert [r.epoch for r in watch.reports] == [1, 2, 3, 4, 5]
    assert fit.best_epoch == 2
    assert torch.equal(fit.network.tasks[0].tower[-1].weight, watch.weights[1][0])
    assert not torch.equal(watch.weights[1][0], watch.weights[4][0])


def test_separate_tasks_keep_the_best_epoch_of_each(separate, monkeypatch):
    # click is best after the first epoch, like after the third
    script(monkeypatch, [(0.8, 0.6), (0.7, 0.5), (0.7, 0.7), (0.7, 0.6), (0.7, 0.6)])
    fit = make(separate, patience=2)
    watch = run(fit)
    assert [(kept.prefix, kept.epoch) for kept in fit.common] == [("tasks.0.", 1), ("tasks.1.", 3)]
    assert (fit.best["click"].values["auc"], fit.best["like"].values["auc"]) == (0.8, 0.7)
    for task, epoch in enumerate((1, 3)):
        assert torch.equal(weights(fit.network.tasks[task]), watch.weights[epoch - 1][task])
        assert not torch.equal(watch.weights[0][task], watch.weights[2][task])


def test_a_rare_task_that_is_separate_decides_for_itself(separate, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.5), (0.5, 0.8)], positives=(100, 5))
    fit = make(separate, epochs=3, min_positives=50)
    run(fit)
    assert [kept.epoch for kept in fit.common] == [2, 3]


def test_a_refit_keeps_the_chosen_epochs_and_reads_no_validation_rows(problem, separate, monkeypatch):
    fits = [make(one, epochs=3, patience=3) for one in (problem, separate)]
    whole = [run(fit).weights for fit in fits]
    monkeypatch.setattr("automtl_core.training.fit.evaluate", None)
    for one, weights_of, chosen in zip((problem, separate), whole, ((2,), (1, 3)), strict=True):
        fit = make(one, epochs=3, patience=3, chosen=chosen)
        reports = run(fit).reports
        assert [(r.phase, r.epoch, r.metrics) for r in reports] == [
            ("refit", epoch, {}) for epoch in range(1, max(chosen) + 1)
        ]
        assert (fit.best_epochs, fit.exhausted) == (chosen, True)
        for t, task in enumerate(fit.network.tasks):
            assert torch.equal(weights(task), weights_of[chosen[min(t, len(chosen) - 1)] - 1][t])
    ended = make(problem, chosen=(3,))
    assert ended.run(Enough(epochs=2)) == {}
    assert not ended.exhausted


def only(part, task):
    return Part(part.ids, part.dense, part.labels[:, task : task + 1])


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("task", [0, 1])
def test_separate_tasks_are_trained_as_if_alone(separate, task, average):
    space, data, name = separate.space, separate.data, separate.data.tasks[task].name
    schema = Schema(space.schema.sparse, space.schema.dense, (Task(name),))
    recipe = separate.recipe.model_copy(update={"epochs": 4, "patience": 4, "average_weights": average})
    # float64, since Adam makes steps of the rounding errors in the gradients of biases before a normalisation
    both = space.network(Architecture({})).double()
    one = SingleTask(schema, space.settings, space.op).network(Architecture({})).double()
    one.tasks[0].load_state_dict(both.tasks[task].state_dict())
    alone = TrainingData(only(data.train, task), only(data.validation, task), schema.tasks)
    together = Fit(both, data, recipe, separate.seed, separate.compute).run(EventHandler())[name]
    apart = Fit(one, alone, recipe, separate.seed, separate.compute).run(EventHandler())[name]
    assert apart.to_json() == pytest.approx(together.to_json())
    for left, right in zip(
        one.tasks[0].state_dict().values(), both.tasks[task].state_dict().values(), strict=True
    ):
        assert torch.allclose(left, right, rtol=1e-6, atol=1e-9)


class Counts(Learner):
    """Predicts how many pieces of work each task was given, out of four."""

    def __init__(self, tasks, scale=1.0):
        super().__init__()
        self.register_buffer("pieces", torch.zeros(tasks))
        self.scale = scale
        self.lessons = 0

    refits = True

    def refit(self, chosen, data, seed, going_on):
        self.pieces = chosen.pieces + 1
        self.seen = (data, seed)
        going_on(1.0, 1.0)

    def learn(self, data, seed, going_on):
        self.lessons += 1
        self.seen = (data, seed)
        for t in range(len(self.pieces)):
            for piece in range(1, 5):
                self.pieces[t] += 1
                if not going_on((t + piece / 4) / len(self.pieces), (t + 1) / len(self.pieces)):
                    break

    def forward(self, features):
        return self.pieces.expand(len(features.dense), -1) * self.scale


class Steps(EventHandler):
    def __init__(self, last=math.inf):
        self.steps, self.reports, self.last = [], [], last

    def step(self, event):
        self.steps.append((event.phase, event.epoch, event.steps, event.done, event.rows))
        return len(self.steps) < self.last

    def epoch(self, report):
        self.reports.append(report)
        return True


@pytest.fixture
def lesson(problem):
    def make(model=None, compute=CPU, **how):
        model = Counts(2) if model is None else model
        return Fit(model, problem.data, problem.recipe, problem.seed, compute, **how)

    return make


def test_a_lesson_is_one_epoch_with_validation_metrics(lesson, problem):
    taught, watch = lesson(), Steps()
    metrics = taught.run(watch)
    assert taught.network.seen == (problem.data, problem.seed)
    (report,) = watch.reports
    assert (report.phase, report.epoch, taught.best_epoch) == ("train", 1, 1)
    assert report.losses == {"click": None, "like": None}
    assert report.metrics == metrics
    assert {task: m.values["auc"] for task, m in metrics.items()} == {"click": 0.5, "like": 0.5}, (
        "constants order nothing"
    )


def test_steps_tell_how_far_it_is(lesson, problem):
    watch = Steps()
    lesson().run(watch)
    rows = len(problem.data.train)
    assert [step[:3] for step in watch.steps] == [("train", 1, 1000)] * 8
    assert [step[3:] for step in watch.steps[3:]] == [
        (share * 1000 // 8, share * rows // 8) for share in (4, 5, 6, 7, 8)
    ]


def test_each_part_has_its_share_of_a_short_time_and_who_is_told_to_end_is_not_asked_again(lesson):
    taught = lesson(lasts=lambda share: share > 0.5)
    taught.run(EventHandler())
    assert taught.network.pieces.tolist() == [1, 4]
    taught, watch = lesson(), Steps(last=2)
    taught.run(watch)
    assert taught.network.pieces.tolist() == [2, 1], "each part has a first try"
    assert len(watch.steps) == 2


def test_what_was_learned_is_not_learned_again(lesson, tmp_path):
    whole = lesson()
    whole.run(EventHandler())
    save_state(tmp_path / "state", whole.state_dict())
    rest, watch = lesson(), Steps()
    rest.load_state_dict(load_state(tmp_path / "state"))
    assert rest.run(watch) == whole.best
    assert (rest.network.lessons, watch.reports) == (0, [])
    assert torch.equal(rest.network.pieces, whole.network.pieces)


def test_predictions_have_to_be_finite(lesson):
    with pytest.raises(DivergedError):
        lesson(Counts(2, scale=math.inf)).run(EventHandler())


def test_a_refit_takes_what_was_chosen_and_reads_no_validation_rows(lesson, problem, monkeypatch, tmp_path):
    before = lesson()
    before.run(EventHandler())
    monkeypatch.setattr("automtl_core.training.fit.evaluate", None)
    again, watch = lesson(chosen=(1,), before=lambda: before.network), Steps()
    assert again.run(watch) == {}
    assert again.network.pieces.tolist() == [5, 5]
    assert again.network.seen == (problem.data, problem.seed)
    assert [(report.phase, report.metrics) for report in watch.reports] == [("refit", {})]
    assert ([step[0] for step in watch.steps], again.exhausted) == (["refit"], True)
    save_state(tmp_path / "state", again.state_dict())
    rest = lesson(chosen=(1,))
    rest.load_state_dict(load_state(tmp_path / "state"))
    assert rest.run(EventHandler()) == {}, "it is trained"
    ended = lesson(chosen=(1,), before=lambda: before.network)
    ended.run(Steps(last=1))
    assert not ended.exhausted
