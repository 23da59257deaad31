"""Fits: epochs, early stopping, separate tasks, balancers, learners, and continuation from a state."""

import math
from dataclasses import replace

import pytest
import torch
from pydantic import Field
from torch import nn

from automtl_baselines.mlps import SingleTask
from automtl_baselines.parts import Sizes
from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, Task
from automtl_core.errors import DivergedError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Settings
from automtl_core.system.state import load_state, save_state
from automtl_core.training.balancer import Balancer
from automtl_core.training.compute import CPU
from automtl_core.training.events import SILENT, EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner, TrainingData
from automtl_core.training.recipe import Recipe
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.requirements import same_weights
from automtl_testing.samples import binary_metrics, plain_schema, sample_problem, sample_schema

REGISTRY = load_registry()
SETTINGS = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-16",))


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SETTINGS, REGISTRY.op), epochs=10)


@pytest.fixture
def mixed():
    """Return a problem with a regression between two binary tasks, and a third of all labels missing."""
    space = DESAN(sample_schema(multi=False), SETTINGS, REGISTRY.op)
    return sample_problem(space, epochs=10, missing=1 / 3)


@pytest.fixture
def separate():
    """Return a problem for networks whose tasks share nothing."""
    settings = Sizes(embedding_dim=4, expert_layers=(8,), tower_layers=(4,), dropout=0.0)
    return sample_problem(SingleTask(plain_schema(), settings, REGISTRY.op), epochs=10)


def make(problem, first_epoch=0, chosen=(), **recipe):
    torch.manual_seed(0)
    network = problem.space.network(problem.space.supernet().architecture())
    recipe = problem.recipe.model_copy(update={"average_weights": False, **recipe})
    return Fit(network, problem.data, recipe, problem.seed, problem.compute, first_epoch, chosen)


def weights(task):
    """Return the last weights of a task's tower, in DESAN or in a network of one task."""
    tower = task.towers.tops[0] if hasattr(task, "towers") else task.tower
    return tower[-1].weight


class Watch(EventHandler):
    """Keeps what it hears, weights and the last state, and ends training after some steps or epochs."""

    def __init__(self, fit, steps=math.inf, epochs=math.inf, path=None):
        self.fit, self.last_step, self.last_epoch, self.path = fit, steps, epochs, path
        self.steps, self.reports, self.weights = [], [], []

    def step(self, event):
        self.steps.append(event)
        return len(self.steps) < self.last_step

    def epoch(self, report):
        self.reports.append(report)
        self.weights.append(
            [weights(task).detach().clone() for task in getattr(self.fit.network, "tasks", ())]
        )
        if self.path:
            save_state(self.path, self.fit.state_dict())
        return len(self.reports) < self.last_epoch


def run(fit, **enough):
    watch = Watch(fit, **enough)
    fit.run(watch)
    return watch


def script(monkeypatch, aucs, positives=(100, 100)):
    """Let validation return these AUCs of click and like, epoch by epoch."""
    values = iter(aucs)

    def evaluate(*_):
        pair = zip(("click", "like"), next(values), positives, strict=True)
        return {task: binary_metrics(auc, 0.5, count, 400) for task, auc, count in pair}

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)


def test_epochs_come_on_top_of_earlier_ones_and_need_rows(problem):
    fit = make(problem, first_epoch=5, epochs=3, patience=3)
    assert [report.epoch for report in run(fit).reports] == [6, 7, 8]
    assert fit.best_epoch > 5
    train = problem.data.train
    one = Part(train.ids[:1], train.dense[:1], train.labels[:1])
    with pytest.raises(UsageError, match="1 training rows"):
        make(replace(problem, data=replace(problem.data, train=one))).run(SILENT)


@pytest.mark.parametrize(("enough", "epochs"), [({"epochs": 2}, 2), ({"steps": 1}, 1), ({"steps": 6}, 2)])
def test_a_listener_that_has_enough_ends_training_with_what_there_is(problem, enough, epochs):
    fit = make(problem, patience=10)
    untrained = weights(fit.network.tasks[0]).detach().clone()
    assert len(run(fit, **enough).reports) == epochs, "the epoch that is cut short is reported too"
    assert set(fit.best) == {"click", "like"}
    assert not torch.equal(weights(fit.network.tasks[0]), untrained)


def assert_resumes(problem, path, stop, **recipe):
    whole = make(problem, **recipe)
    whole.run(SILENT)
    run(make(problem, **recipe), epochs=stop, path=path)
    rest = make(problem, **recipe)
    rest.load_state_dict(load_state(path))
    torch.manual_seed(99)
    assert rest.run(SILENT) == whole.best
    assert rest.best_epoch == whole.best_epoch
    assert same_weights(rest.network.state_dict(), whole.network.state_dict())
    assert same_weights(rest.balancer.state_dict(), whole.balancer.state_dict())


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("problem", {"epochs": 5, "patience": 2}),
        ("problem", {"epochs": 5, "patience": 2, "average_weights": True}),
        ("problem", {"chosen": (4,)}),
        ("mixed", {"epochs": 4, "patience": 4}),
        ("separate", {"epochs": 5, "patience": 2}),
        ("balanced", {"epochs": 4, "patience": 4}),
    ],
    ids=["plain", "averaged weights", "refit", "real and missing labels", "separate tasks", "balancer"],
)
def test_goes_on_from_a_state_to_the_same_bytes(kind, how, stop, tmp_path, request):
    assert_resumes(request.getfixturevalue(kind), tmp_path / "state", stop, **how)


class ScaledSettings(Settings):
    scale: float = Field(1.0, gt=0)


class Scaled(Balancer[ScaledSettings]):
    """Learns the weights of tasks, and remembers how the losses changed in each step."""

    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.weights = nn.Parameter(torch.ones(len(tasks)))
        self.register_buffer("changes", torch.zeros(len(tasks)))
        self.seen, self.drawn = [], []

    def backward(self, losses, penalty, inputs):
        self.seen.append(inputs)
        self.drawn.append(torch.rand(()).item())
        self.before = losses.detach()
        ((self.weights * self.settings.scale * losses).mean() + penalty).backward(inputs=list(inputs))

    def after_step(self, losses_again):
        assert not torch.is_grad_enabled()
        self.changes = self.changes + losses_again() - self.before


@pytest.fixture
def balanced(problem):
    """Return the problem with the balancer above in its recipe."""
    named = Recipe.parse({"balancer": {"name": "scaled", "scale": 3.0}}).balancer
    more = {"balancer": named, "batch_size": 128, "epochs": 2, "patience": 9}
    return replace(problem, recipe=problem.recipe.model_copy(update=more).knowing(Scaled))


def test_a_fit_moves_what_a_balancer_learns_and_tells_it_of_each_step(balanced):
    fit, again = make(balanced), make(balanced)
    for one in (fit, again):
        one.run(SILENT)
    balancer = fit.balancer
    assert balancer.settings.scale == 3.0
    assert len(balancer.seen) == 2 * fit.steps
    assert {id(p) for p in balancer.seen[0]} == {id(p) for p in (*fit.network.parameters(), balancer.weights)}
    assert (balancer.weights < 1).all(), "the smaller, the smaller the loss"
    assert (balancer.changes != 0).all()
    assert "balancer.weights" in fit.optimiser.state_dict()
    assert len(set(balancer.drawn)) == 2 * fit.steps, "each epoch draws other numbers"
    assert again.balancer.drawn == balancer.drawn


def test_stops_after_patience_and_restores_the_best_weights(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.7), (0.69, 0.7), (0.7, 0.69), (0.69, 0.69)])
    fit = make(problem, patience=3)
    watch = run(fit)
    assert [r.epoch for r in watch.reports] == [1, 2, 3, 4, 5]
    assert fit.best_epoch == 2
    assert torch.equal(weights(fit.network.tasks[0]), watch.weights[1][0])
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
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.5), (0.5, 0.8)], positives=(100, 5))
    fit = make(separate, epochs=3, min_positives=50)
    run(fit)
    assert fit.best_epochs == (2, 3), "a rare task decides for itself"


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
    run(ended, epochs=2)
    assert (ended.best, ended.exhausted) == ({}, False)


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
    own = [Part(p.ids, p.dense, p.labels[:, task : task + 1]) for p in (data.train, data.validation)]
    together = Fit(both, data, recipe, separate.seed, separate.compute).run(SILENT)[name]
    alone = TrainingData(*own, schema.tasks)
    apart = Fit(one, alone, recipe, separate.seed, separate.compute).run(SILENT)[name]
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


@pytest.fixture
def lesson(problem):
    def make(model=None, **how):
        model = Counts(2) if model is None else model
        return Fit(model, problem.data, problem.recipe, problem.seed, CPU, **how)

    return make


def test_a_lesson_is_one_epoch_with_validation_metrics_and_tells_how_far_it_is(lesson, problem):
    taught = lesson()
    watch = run(taught)
    assert taught.network.seen == (problem.data, problem.seed)
    (report,) = watch.reports
    assert (report.phase, report.epoch, taught.best_epoch) == ("train", 1, 1)
    assert report.losses == {"click": None, "like": None}
    assert report.metrics == taught.best
    assert [m.values["auc"] for m in taught.best.values()] == [0.5, 0.5], "constants order nothing"
    rows = len(problem.data.train)
    assert [(step.phase, step.epoch, step.steps) for step in watch.steps] == [("train", 1, 1000)] * 8
    assert [(step.done, step.rows) for step in watch.steps[3:]] == [
        (share * 1000 // 8, share * rows // 8) for share in (4, 5, 6, 7, 8)
    ]


def test_each_part_has_its_share_of_a_short_time_and_who_is_told_to_end_is_not_asked_again(lesson):
    taught = lesson(lasts=lambda share: share > 0.5)
    taught.run(SILENT)
    assert taught.network.pieces.tolist() == [1, 4]
    taught = lesson()
    assert len(run(taught, steps=2).steps) == 2
    assert taught.network.pieces.tolist() == [2, 1], "each part has a first try"


def test_what_was_learned_is_not_learned_again_and_has_to_predict_finite_numbers(lesson, tmp_path):
    whole = lesson()
    run(whole, path=tmp_path / "state")
    rest = lesson()
    rest.load_state_dict(load_state(tmp_path / "state"))
    assert run(rest).reports == []
    assert (rest.network.lessons, rest.best) == (0, whole.best)
    assert torch.equal(rest.network.pieces, whole.network.pieces)
    with pytest.raises(DivergedError):
        lesson(Counts(2, scale=math.inf)).run(SILENT)


def test_a_refit_takes_what_was_chosen_and_reads_no_validation_rows(lesson, problem, monkeypatch, tmp_path):
    before = lesson()
    before.run(SILENT)
    monkeypatch.setattr("automtl_core.training.fit.evaluate", None)
    again = lesson(chosen=(1,), before=lambda: before.network)
    watch = run(again, path=tmp_path / "state")
    assert (again.best, again.exhausted) == ({}, True)
    assert again.network.pieces.tolist() == [5, 5]
    assert again.network.seen == (problem.data, problem.seed)
    assert [(report.phase, report.metrics) for report in watch.reports] == [("refit", {})]
    assert [step.phase for step in watch.steps] == ["refit"]
    rest = lesson(chosen=(1,))
    rest.load_state_dict(load_state(tmp_path / "state"))
    assert rest.run(SILENT) == {}, "it is trained"
    ended = lesson(chosen=(1,), before=lambda: before.network)
    run(ended, steps=1)
    assert not ended.exhausted
