"""A model that learns by itself has one lesson in place of epochs."""

import math

import pytest
import torch

from automtl_core.errors import DivergedError
from automtl_core.system.state import load_state, save_state
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner


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


class Watch(EventHandler):
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
    taught, watch = lesson(), Watch()
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
    watch = Watch()
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
    taught, watch = lesson(), Watch(last=2)
    taught.run(watch)
    assert taught.network.pieces.tolist() == [2, 1], "each part has a first try"
    assert len(watch.steps) == 2


def test_what_was_learned_is_not_learned_again(lesson, tmp_path):
    whole = lesson()
    whole.run(EventHandler())
    save_state(tmp_path / "state", whole.state_dict())
    rest, watch = lesson(), Watch()
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
    again, watch = lesson(chosen=(1,), before=lambda: before.network), Watch()
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
    ended.run(Watch(last=1))
    assert not ended.exhausted
