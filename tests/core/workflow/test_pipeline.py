"""The straight line: equal seeds give equal bytes, stopped runs end like others, trained ones are kept."""

from dataclasses import replace

import pytest
import torch

from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.facts import Budget, Calibration, Costs, Result
from automtl_core.space import SearchSpace
from automtl_core.training.events import EventHandler, Warned
from automtl_core.training.learner import Learner
from automtl_core.workflow.evaluation import evaluate_run
from automtl_core.workflow.models import models
from automtl_core.workflow.trained import Trained
from automtl_inspection.behaviour import Behaviour
from automtl_inspection.plan import plan

from .lines import EQUAL, REGISTRY, TRAINING, begin, contents, go_on, make_job, search, start, stopped

TRAINED = {
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 3, "min_positives": 1},
}


def test_retraining_goes_on_from_the_search_or_starts_from_scratch(tmp_path):
    runs = {}
    for retrain in ("inherit", "scratch"):
        job = make_job(tmp_path, {"retrain": retrain, "training": {"epochs": 2}})
        runs[retrain] = begin(job, tmp_path / retrain)
    reports = {retrain: run.reports() for retrain, run in runs.items()}
    for retrain, first in (("inherit", range(2, 5)), ("scratch", [1])):
        assert [r["phase"] for r in reports[retrain][:4]] == ["warm-up", "search", "search", "train"]
        assert reports[retrain][3]["epoch"] in first
    assert reports["inherit"][:3] == reports["scratch"][:3]
    found, weights = ([contents(run)[name] for run in runs.values()] for name in (EQUAL[0], EQUAL[2]))
    assert found[0] == found[1]
    assert weights[0] != weights[1]


@pytest.mark.parametrize(
    ("name", "retrain"), [("pd-darts", "inherit"), ("darts", "scratch"), ("random", "inherit")]
)
def test_a_strategy_says_how_its_network_is_trained(tmp_path, name, retrain):
    assert make_job(tmp_path, {"strategy": {"name": name}}).retrain() == retrain
    assert make_job(tmp_path, {"strategy": {"name": name}, "retrain": "scratch"}).retrain() == "scratch"


def test_the_test_part_is_read_once_and_last(tmp_path, monkeypatch):
    events = []
    job = make_job(tmp_path, {"training": {"epochs": 1}})
    prepared = job.prepare()
    part = type(prepared).part
    monkeypatch.setattr(type(prepared), "part", lambda self, name: events.append(name) or part(self, name))

    class Watch(EventHandler):
        def epoch(self, report):
            events.append("epoch")
            return True

    with start(job, prepared, tmp_path / "run") as run:
        search(job, run, prepared, Watch())
    last_epoch = len(events) - events[::-1].index("epoch")
    assert "test" not in events[:last_epoch]
    assert "test" in events[last_epoch:]


def test_what_a_search_has_trained_is_not_trained_again_however_it_is_to_be_retrained(tmp_path):
    trained = begin(make_job(tmp_path, TRAINED), tmp_path / "trained")
    reports = trained.reports()
    assert [r["phase"] for r in reports[:2]] == ["candidate 1", "candidate 2"]
    assert len(reports) == 4
    assert not [r for r in reports if r["phase"] == "train"]
    result = trained.read(Result)
    winner = [r for r in reports if r["phase"] == reports[-1]["phase"]]
    validation = {task: replace(m, others={}).to_json() for task, m in result.validation.items()}
    assert validation == winner[result.best_epoch - 1]["validation"]
    costs = trained.read(Costs)
    assert costs.seconds["train"] == 0
    assert costs.seconds["search"] > 0
    scratch = begin(make_job(tmp_path, TRAINED, {"retrain": "scratch"}), tmp_path / "scratch")
    assert contents(scratch) == contents(trained)


def test_a_search_that_ended_early_is_trained_on(tmp_path):
    class Enough(EventHandler):
        def epoch(self, report):
            return report.phase == "train"

    run = begin(make_job(tmp_path, TRAINED), tmp_path / "run", Enough())
    assert [r["phase"] for r in run.reports()] == ["candidate 1", "train", "train", "train"]
    assert [r["epoch"] for r in run.reports()] == [1, 2, 3, 4]


ENSEMBLE = {"strategy": {**TRAINED["strategy"], "ensemble": 2, "ahead": 0.0}}


def test_the_members_of_an_ensemble_are_trained_in_the_search_or_one_after_the_other(tmp_path):
    found = begin(make_job(tmp_path, TRAINED, ENSEMBLE), tmp_path / "run")
    assert [model["name"] for model in found.config().space.settings["models"]] == ["desan", "desan"]
    reports = found.reports()
    assert [r["phase"] for r in reports[:2]] == ["candidate 1", "candidate 2"]
    assert len(reports) == 3 * 2
    single = [r["validation"] for r in reports]
    assert {task: metrics.to_json() for task, metrics in found.read(Result).validation.items()} not in single
    data = {key: getattr(found.config(), key).model_dump() for key in ("dataset", "training")}
    layer = {"prepared_dir": tmp_path / "prepared"}
    (job,) = models([str(found.path)], REGISTRY, layer, below=[data]).values()
    whole, half = begin(job, tmp_path / "whole"), stopped(job, tmp_path / "half", 4)  # in the second member
    go_on(job, half)
    assert contents(half, TRAINING) == contents(whole, TRAINING)


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
def learning(tmp_path):
    registry = REGISTRY.adding(SPACES, "guess", Guess)
    layer = {"dataset": {"name": "synthetic", "rows": 500}, "features": "ids"}
    return models(["guess"], registry, layer, {"prepared_dir": tmp_path / "prepared"})["guess"]


def test_a_model_that_learns_by_itself_is_trained_tested_and_evaluated_as_others(learning, tmp_path):
    prepared = learning.prepare()
    assert plan(learning, prepared).points["the network"].flops_per_row == 0
    run = begin(learning, tmp_path / "run")
    result, costs = run.read(Result), run.read(Costs)
    assert [(r["phase"], r["epoch"]) for r in run.reports()] == [("train", 1)]
    assert (result.best_epoch, result.parameters, result.flops_per_row) == (1, 0, 0)
    assert costs.seconds["train"] > 0
    assert costs.rows_per_second > 0
    assert sum(m.values["log_loss"] for m in result.test.values()) / 4 < 0.6, "better than no guess at all"
    assert evaluate_run(learning, run, prepared) == result.test


def test_a_model_that_cannot_be_refitted_is_left_as_it_is_with_a_warning(learning, tmp_path):
    heard = []
    run = begin(learning.having(refit=True), tmp_path / "run", lambda event: heard.append(event) or True)
    warned = [event.sentence for event in heard if isinstance(event, Warned)]
    assert "Rates is not trained again on validation rows: it has no `refit`" in warned
    assert [r["phase"] for r in run.reports()] == ["train"]
    assert not run.read(Result).refitted


def test_what_was_stopped_after_its_lesson_goes_on_without_another(learning, tmp_path):
    whole = begin(learning, tmp_path / "whole")
    run = stopped(learning, tmp_path / "stopped", 1)
    before = Rates.lessons
    go_on(learning, run)
    assert Rates.lessons == before
    assert contents(run, TRAINING) == contents(whole, TRAINING)


def test_a_time_budget_ends_it_and_that_is_told(learning, tmp_path):
    run = begin(learning.having(time_budget=1e-6), tmp_path / "run")
    assert run.read(Budget).ended == {"train": 1}
    assert run.weights()["logits"].max() <= -9
    plenty = begin(learning.having(time_budget=3600.0), tmp_path / "plenty")
    assert not plenty.read(Budget).ended


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a calibrated run, and one that is not, with their job."""
    folder = tmp_path_factory.mktemp("calibrated")
    job = make_job(folder, {"training": {"min_positives": 1, "epochs": 1}})
    return [begin(job.having(calibrate=on), folder / f"run-{on}") for on in (True, False)], job


def test_the_log_loss_falls_on_validation_rows_and_each_auc_stays(runs):
    (with_it, without), _ = runs
    scaling = with_it.read(Calibration).scaling
    assert scaling
    assert all(one.after <= one.before for one in scaling.values())
    assert not without.has(Calibration)
    test, other = with_it.read(Result).test, without.read(Result).test
    assert [m.values["auc"] for m in test.values()] == [m.values["auc"] for m in other.values()]
    raw = with_it.read(Behaviour).log_loss_without_scaling
    assert raw == pytest.approx({task: other[task].values["log_loss"] for task in scaling})


def test_a_run_predicts_with_its_calibration_on_which_weights_do_not_depend(runs):
    (with_it, without), job = runs
    part = job.prepare().part("test")
    made, raw = (Trained.of(run, job.registry) for run in (with_it, without))
    for place, task in enumerate(made.tasks):
        if one := made.scaling.get(task.name):
            expected = one.slope * raw.predict_logits(part)[:, place] + one.offset
            assert made.predict_logits(part)[:, place] == pytest.approx(expected, abs=1e-6)
    files = with_it.read(Result).files
    assert without.read(Result).files == {name: files[name] for name in files if name != "calibration.json"}


def test_too_few_rows_are_not_calibrated(tmp_path):
    few = make_job(tmp_path, {"training": {"min_positives": 10_000, "epochs": 1}})
    assert begin(few, tmp_path / "run").read(Calibration).scaling == {}
