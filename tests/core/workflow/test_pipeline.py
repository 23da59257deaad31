"""The straight line: equal seeds give equal bytes, stopped runs end like others, trained ones are kept."""

import json
from dataclasses import replace

import pytest
import torch

from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.facts import Budget, Calibration, Costs, Data, Result, Status
from automtl_core.run_dir.run import Run
from automtl_core.space import SearchSpace
from automtl_core.training.events import EventHandler, Warned
from automtl_core.training.learner import Learner
from automtl_core.workflow.evaluation import evaluate_run
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import models
from automtl_core.workflow.trained import Trained
from automtl_inspection.behaviour import Behaviour
from automtl_inspection.plan import plan

from .lines import EQUAL, REGISTRY, SMALL, TRAINING, begin, contents, go_on, make_job, search, start, stopped


def test_a_run_directory_holds_everything(whole):
    names = {path.name for path in whole.path.iterdir()}
    assert names >= {
        "config.yaml", "environment.json", "metrics.jsonl", "architecture.json", "weights.safetensors",
        "result.json", "status.json", "log.txt",
    }  # fmt: skip
    assert whole.status() == Status("done")
    assert not [name for name in names if "draft" in name]
    reports = whole.reports()
    assert [r["phase"] for r in reports[:4]] == ["warm-up", "search", "search", "train"]
    result = whole.read(Result)
    assert set(result.test) == set(result.validation)
    assert set(result.test) == {"click", "like", "skip", "hide"}
    assert whole.read(Data).raw == {}
    assert whole.config().space.settings["tower_width"] == 64, "defaults are written out"


@pytest.mark.parametrize("epochs", [3, 5], ids=["at the end of the search", "in the training"])
def test_a_stopped_run_goes_on_to_the_same_bytes(job, whole, tmp_path, epochs):
    run = stopped(job, tmp_path / "stopped", epochs)
    assert run.status().state == "stopped"
    resumed = Job.resolve(Run.open(run.path).config(), REGISTRY)
    go_on(resumed, run)
    assert contents(run) == contents(whole)
    assert run.status() == Status("done")


DARTS = {"name": "darts", "epochs": 2}


@pytest.mark.parametrize(("strategy", "epochs"), [(SMALL["strategy"], 3), (DARTS, 2)])
def test_retraining_goes_on_from_the_search_or_starts_from_scratch(tmp_path, strategy, epochs):
    runs = {}
    for retrain in ("inherit", "scratch"):
        job = make_job(tmp_path, {"strategy": strategy, "retrain": retrain, "training": {"epochs": 2}})
        runs[retrain] = begin(job, tmp_path / retrain)
    reports = {retrain: run.reports() for retrain, run in runs.items()}
    for retrain, first in (("inherit", range(2, epochs + 2)), ("scratch", [1])):
        phases = [r["phase"] for r in reports[retrain]]
        assert phases.index("train") == epochs
        assert reports[retrain][epochs]["epoch"] in first
    assert reports["inherit"][:epochs] == reports["scratch"][:epochs]
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


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(whole, job, tmp_path):
    run = stopped(job, tmp_path / "run", 2)
    path = run.path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    go_on(job, run)
    assert "the checkpoint before the last one is used" in (run.path / "log.txt").read_text()
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes()


TRAINED = {
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 3, "min_positives": 1},
}
"""A search that ends with a network that is trained: of four epochs."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of such a search."""
    folder = tmp_path_factory.mktemp("trained")
    return begin(make_job(folder, TRAINED), folder / "run")


def test_what_a_search_has_trained_is_not_trained_again(trained):
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


@pytest.mark.parametrize("stop", [1, 3])
def test_a_search_that_trains_goes_on_to_the_same_bytes(trained, tmp_path, stop):
    job = make_job(tmp_path, TRAINED)
    run = stopped(job, tmp_path / "stopped", stop)
    go_on(job, run)
    assert contents(run) == contents(trained)


def test_what_a_search_has_trained_is_kept_however_it_is_to_be_retrained(trained, tmp_path):
    run = begin(make_job(tmp_path, TRAINED, {"retrain": "scratch"}), tmp_path / "run")
    assert contents(run) == contents(trained)


def test_a_search_that_ended_early_is_trained_on(tmp_path):
    class Enough(EventHandler):
        def epoch(self, report):
            return report.phase == "train"

    run = begin(make_job(tmp_path, TRAINED), tmp_path / "run", Enough())
    assert [r["phase"] for r in run.reports()] == ["candidate 1", "train", "train", "train"]
    assert [r["epoch"] for r in run.reports()] == [1, 2, 3, 4]


ENSEMBLE = {"strategy": {**TRAINED["strategy"], "ensemble": 2, "ahead": 0.0}}


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """A finished run whose network is an ensemble."""
    folder = tmp_path_factory.mktemp("ensemble")
    return begin(make_job(folder, TRAINED, ENSEMBLE), folder / "run")


def test_the_members_of_an_ensemble_are_trained_in_the_search(ensemble):
    assert [model["name"] for model in ensemble.config().space.settings["models"]] == ["desan", "desan"]
    reports = ensemble.reports()
    assert [r["phase"] for r in reports[:2]] == ["candidate 1", "candidate 2"]
    assert len(reports) == 3 * 2
    result = ensemble.read(Result)
    single = [r["validation"] for r in reports]
    assert {task: metrics.to_json() for task, metrics in result.validation.items()} not in single


def test_the_training_of_an_ensemble_goes_on_to_the_same_bytes(ensemble, tmp_path):
    data = {key: getattr(ensemble.config(), key).model_dump() for key in ("dataset", "training")}
    layer = {"prepared_dir": tmp_path / "prepared"}
    (job,) = models([str(ensemble.path)], REGISTRY, layer, below=[data]).values()
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
    weights = run.weights()["logits"]
    assert weights.max() <= -9
    plenty = begin(learning.having(time_budget=3600.0), tmp_path / "plenty")
    assert not Run.open(plenty.path).read(Budget).ended


ENOUGH = {"training": {"min_positives": 1, "epochs": 1}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a calibrated run, and one that is not."""
    folder = tmp_path_factory.mktemp("calibrated")
    job = make_job(folder, ENOUGH)
    return [begin(job.having(calibrate=on), folder / f"run-{on}") for on in (True, False)], job


def test_the_log_loss_falls_on_validation_rows_and_each_auc_stays(runs):
    (with_it, without), _ = runs
    scaling = with_it.read(Calibration).scaling
    assert scaling
    assert all(one.after <= one.before for one in scaling.values())
    assert not without.has(Calibration)
    test, other = with_it.read(Result).test, without.read(Result).test
    assert {task: m.values["auc"] for task, m in test.items()} == {
        task: m.values["auc"] for task, m in other.items()
    }
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
    (with_it, without), _ = runs
    files = with_it.read(Result).files
    assert without.read(Result).files == {name: files[name] for name in files if name != "calibration.json"}


def test_too_few_rows_are_not_calibrated(tmp_path):
    few = make_job(tmp_path, {"training": {"min_positives": 10_000, "epochs": 1}})
    run = begin(few, tmp_path / "run")
    assert json.loads((run.path / "calibration.json").read_text())["scaling"] == {}
