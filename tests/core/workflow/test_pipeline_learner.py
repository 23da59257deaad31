"""A run of a model that learns by itself: as any other, and nothing is learned twice."""

import pytest
import torch

from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.facts import Budget, Costs, Result
from automtl_core.run_dir.run import Run
from automtl_core.space import SearchSpace
from automtl_core.training.learner import Learner
from automtl_core.workflow.evaluation import evaluate_run
from automtl_core.workflow.models import models
from automtl_core.workflow.pipeline import plan

from .lines import REGISTRY, begin, go_on, stopped

EQUAL = ("architecture.json", "metrics.jsonl", "weights.safetensors", "result.json")


class Rates(Learner):
    """Predicts the logit of the mean of each label, less 1 in each piece of work that it was not given."""

    lessons = 0

    def __init__(self, tasks):
        super().__init__()
        self.register_buffer("logits", torch.zeros(tasks))

    def learn(self, data, seed, going_on):
        Rates.lessons += 1
        self.logits = torch.tensor(data.train.labels).nanmean(0).logit()
        for t in range(len(self.logits)):
            while not going_on(t / 4, (t + 1) / 4) and self.logits[t] > -9:
                self.logits[t] -= 1

    def forward(self, features):
        return self.logits.expand(len(features.dense), -1)


class Guess(SearchSpace):
    """The rate of each task."""

    takes_encodings = True

    def build(self, choose):
        return Rates(len(self.schema.tasks))


@pytest.fixture
def job(tmp_path):
    registry = REGISTRY.adding(SPACES, "guess", Guess)
    layer = {"dataset": {"name": "synthetic", "rows": 500}, "features": "ids"}
    return models(["guess"], registry, layer, {"prepared_dir": tmp_path / "prepared"})["guess"]


def contents(run):
    return {name: (run.path / name).read_bytes() for name in EQUAL}


def test_a_model_that_learns_by_itself_is_trained_tested_and_evaluated_as_others(job, tmp_path):
    prepared = job.prepare()
    assert plan(job, prepared).points["the network"].flops_per_row == 0
    run = begin(job, tmp_path / "run")
    result, costs = run.read(Result), run.read(Costs)
    assert [(r["phase"], r["epoch"]) for r in run.reports()] == [("train", 1)]
    assert (result.best_epoch, result.parameters, result.flops_per_row) == (1, 0, 0)
    assert costs.seconds["train"] > 0
    assert costs.rows_per_second > 0
    assert sum(m.values["log_loss"] for m in result.test.values()) / 4 < 0.6, "better than no guess at all"
    assert evaluate_run(job, run, prepared) == result.test


def test_what_was_stopped_after_its_lesson_goes_on_without_another(job, tmp_path):
    whole = begin(job, tmp_path / "whole")
    run = stopped(job, tmp_path / "stopped", 1)
    before = Rates.lessons
    go_on(job, run)
    assert Rates.lessons == before
    assert contents(run) == contents(whole)


def test_a_time_budget_ends_it_and_that_is_told(job, tmp_path):
    run = begin(job.having(time_budget=1e-6), tmp_path / "run")
    assert run.read(Budget).sentences() == ["time ended phase 'train' in epoch 1"]
    weights = run.weights()["logits"]
    assert weights.max() <= -9
    plenty = begin(job.having(time_budget=3600.0), tmp_path / "plenty")
    assert Run.open(plenty.path).read(Budget).sentences() == []
