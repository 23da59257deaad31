"""What a job leaves open: looked up once, written into runs, and the same for all models."""

import time
from dataclasses import replace

import pytest

from automtl_core.dataset.encodings import Encodings, plain
from automtl_core.errors import ArtifactError, DivergedError
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.run_dir.facts import EncodingSearch
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial
from automtl_core.search.trial import Serial, TrialResult
from automtl_core.training.recipe import EMBEDDING_DECAY
from automtl_core.workflow import resolve_auto as answers
from automtl_core.workflow.budget import ENCODINGS
from automtl_core.workflow.resolve_auto import resolve_auto
from automtl_core.workflow.run_trial import TrialRunner
from automtl_core.workflow.workflow import Workflow
from automtl_testing.samples import binary_metrics

REGISTRY = load_registry()
EXECUTOR = Serial(TrialRunner(REGISTRY))
SMALL = {
    "dataset": {"name": "synthetic", "rows": 2000},
    "training": {"epochs": 1, "batch_size": 512, "min_positives": 10},
}
ENOUGH = {"rows": 7000}
"""A table with enough held-out rows to compare encodings."""
PAIR = ("engage_left", "engage_right")
KEYS = ({"key": PAIR},)
FOUND = {"aggregates": KEYS, "numbers": "bins", "derived": (), "embedding_decay": 0.001}


@pytest.fixture
def asked(monkeypatch):
    """Answer at once, and return what was asked."""
    questions = []

    def search_encodings(rows, encodings, recipe, train, listener):
        questions.append((encodings, recipe, train.args[-1]))
        left = [*encodings.unanswered(), *(["embedding_decay"] if recipe.embedding_decay == "auto" else [])]
        given = {name: FOUND[name] for name in left}
        return EncodingSearchResult(given, (EncodingTrial(given, 0.7),))

    monkeypatch.setattr(answers, "search_encodings", search_encodings)
    return questions


@pytest.fixture
def job(tmp_path):
    return lambda model="mmoe", **more: Workflow(REGISTRY).model(
        model, [{**SMALL, "prepared_dir": tmp_path / "prepared"}, more]
    )


def test_answers_are_looked_up_once_for_all_models(asked, job):
    prepared = job().prepare()
    one, other = (resolve_auto(job(name), prepared, EXECUTOR) for name in ("mmoe", "shared-bottom"))
    encodings = {name: answer for name, answer in FOUND.items() if name != "embedding_decay"}
    for each in (one, other):
        assert each.config.features == plain().with_answers(**encodings)
        assert each.config.training.embedding_decay == 0.001
    assert one.encoding_search.to_json() == other.encoding_search.to_json()
    assert resolve_auto(one, prepared, EXECUTOR) is not None, "nothing is open any more"
    balanced = resolve_auto(job("mmoe+pcgrad"), prepared, EXECUTOR)
    assert balanced.config.training.balancer.name == "pcgrad"
    assert balanced.config.features == one.config.features, "encodings are chosen with the weighted mean"
    ranked = resolve_auto(job(training={"losses": "pairwise"}), prepared, EXECUTOR)
    assert ranked.config.training.losses["*"].name == "pairwise"
    assert len(asked) == 1, "and with the losses of the kinds"


def test_what_is_given_stays_and_other_questions_are_other_answers(asked, job):
    prepared = job().prepare()
    some = job(features={"numbers": "standard"}, training={"embedding_decay": 0.1})
    given = resolve_auto(some, prepared, EXECUTOR).config
    assert (given.features.numbers, given.training.embedding_decay) == ("standard", 0.1)
    resolve_auto(job(), prepared, EXECUTOR)
    assert len(asked) == 2
    plain_job = job(features="ids", training={"embedding_decay": 0.1})
    assert resolve_auto(plain_job, prepared, EXECUTOR).encoding_search is None


OTHER = {
    "features": {"numbers": "standard"},
    "training": {"learning_rate": 0.01},
    "encoding_search": {"epochs": 2},
    "precision": "bf16",
    "device": "cuda",
}
"""Settings that results of the encoding search depend on, with other values."""
EQUAL = {
    "seed": 1,
    "calibrate": False,
    "refit": True,
    "importance": {"rows": 7},
    "metrics": ["pr-auc"],
    "listeners": ["tensorboard"],
    "warm_start": "runs/a",
    "update": {"data": "new.csv"},
    "retrain": "scratch",
    "decisions": {"a": "b"},
    "data_dir": "elsewhere",
    "time_budget": 100.0,
}


def test_each_setting_has_an_effect_on_the_encoding_search_or_is_listed_as_without():
    assert {*OTHER} | answers.WITHOUT_EFFECT == {*RunConfig.model_fields}
    assert {*EQUAL} == answers.WITHOUT_EFFECT - {"dataset", "space", "strategy", "prepared_dir"}


@pytest.mark.parametrize("name", [*OTHER, *EQUAL])
def test_encodings_are_searched_again_where_a_setting_has_an_effect(asked, job, name):
    prepared, values = job().prepare(), {**OTHER, **EQUAL}
    given = [job().config, RunConfig.parse(merge(job().config.model_dump(), {name: values[name]}))]
    for config in (*given, given[0]):
        resolve_auto(replace(job(), config=config), prepared, EXECUTOR)
    assert len(asked) == 1 + (name in OTHER)


def test_damaged_answers_are_looked_up_again(asked, job):
    prepared = job().prepare()
    resolve_auto(job(), prepared, EXECUTOR)
    (file,) = prepared.path.glob("answers-*.json")
    file.write_text(file.read_text().replace("0.7", "0.8"))
    resolve_auto(job(), prepared, EXECUTOR)
    assert len(asked) == 2


def test_trials_that_outlast_their_part_of_a_time_budget_are_ended(job):
    limited = job(time_budget=1e-6, training={**SMALL["training"], "epochs": 50}, dataset=ENOUGH)
    resolved = resolve_auto(limited, limited.prepare(), EXECUTOR)
    assert resolved.encoding_search.why == "the time budget is too short for a single trial"
    assert resolved.config.features.with_answers(aggregates=()) == plain(), "aggregates need no training"


def test_trials_take_a_part_of_a_time_budget_and_are_not_kept(asked, job):
    prepared = job().prepare()
    resolve_auto(job(time_budget=100.0), prepared, EXECUTOR)
    assert asked[0][2] == pytest.approx(time.monotonic() + 100.0 * ENCODINGS, abs=5)
    assert not list(prepared.path.glob("answers-*.json"))


def test_who_reads_fields_as_they_are_is_asked_about_decay_alone(asked, job, monkeypatch):
    monkeypatch.setattr(REGISTRY.get(SPACES, "mmoe"), "takes_encodings", False)
    found = resolve_auto(job(), job().prepare(), EXECUTOR)
    assert found.config.features == plain()
    assert found.encoding_search.answers == {"embedding_decay": 0.001}


def test_a_run_keeps_the_answers_and_needs_no_more(asked, job, tmp_path):
    line = Workflow(REGISTRY)
    path = line.search(job(), tmp_path, "first").path
    run = Run.open(path)
    assert [one.key for one in run.config().features.keys] == [PAIR]
    assert not run.config().features.auto
    assert run.read(EncodingSearch).encoding_search.answers["numbers"] == "bins"
    assert line.evaluate(path).repeats
    for file in (tmp_path / "prepared").glob("*/answers-*.json"):
        file.unlink()
    found = line.search(line.model(str(path), []), tmp_path)
    assert Run.open(found.path).config().features == run.config().features
    assert len(asked) == 1


class Answering:
    """Executor with the same result for all trials, which it keeps."""

    def __init__(self, result):
        self.result, self.specs = result, []

    def run(self, wanted, on_event):
        for spec in wanted:
            self.specs.append(spec)
            yield spec, self.result


@pytest.mark.parametrize(("settings", "epochs"), [({"epochs": 1}, 1), ({"epochs": 9}, 3)])
def test_the_small_model_is_a_trial_on_held_out_rows(job, settings, epochs):
    dataset = {**ENOUGH, "tasks": ["click"]}
    asking = job(training={"epochs": 3}, dataset=dataset, encoding_search=settings, features="ids")
    prepared = asking.prepare()
    executor = Answering(TrialResult("done", {"click": binary_metrics(0.5, 0.5, 9, 9)}))
    resolve_auto(asking, prepared, executor)
    first, config = executor.specs[0], executor.specs[0].config
    assert (first.held_out, first.data) == (True, str(prepared.path))
    assert (config.space.name, config.strategy) == ("shared-bottom", None)
    assert (config.training.epochs, config.training.patience) == (epochs, 2)
    assert len({spec.digest for spec in executor.specs}) == len(executor.specs)
    assert not list(prepared.path.glob("answers-*/")), "trials are removed when all are done"


def test_a_training_that_diverges_ends_the_search(job):
    asking, executor = job(dataset=ENOUGH), Answering(TrialResult("diverged", {}, error="became nan"))
    with pytest.raises(DivergedError, match="became nan"):
        resolve_auto(asking, asking.prepare(), executor)


def test_few_rows_are_given_as_they_are(job):
    found = resolve_auto(job(), job().prepare(), EXECUTOR)
    assert found.config.features == plain()
    assert found.config.training.embedding_decay == EMBEDDING_DECAY
    assert "too few held-out" in found.encoding_search.why
    assert Encodings() == job().config.features


def test_decisions_are_checked_once_nothing_is_open_that_questions_depend_on(job):
    prepared = job().prepare()
    job("desan").having(decisions={"layer0": "x"}).checked(prepared)
    for given in (job("desan", features="ids"), job("mmoe", features="ids")):
        with pytest.raises(ArtifactError):
            given.having(decisions={"layer0": "x"}).checked(prepared)
