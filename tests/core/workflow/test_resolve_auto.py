"""What a job leaves open: looked up once, written into runs, and the same for all models."""

import pytest

from automtl_core.dataset.encodings import Encodings, plain
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Trials
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import Looked, Tried
from automtl_core.training.recipe import EMBEDDING_DECAY
from automtl_core.workflow import resolve_auto as answers
from automtl_core.workflow.resolve_auto import answered
from automtl_core.workflow.workflow import Line

REGISTRY = load_registry()
SMALL = {
    "dataset": {"name": "synthetic", "rows": 2000},
    "training": {"epochs": 1, "batch_size": 512, "min_positives": 10},
}
PAIR = ("engage_left", "engage_right")
FOUND = {"statistics": "folds", "numbers": "bins", "crosses": (PAIR,), "wide": True, "embedding_decay": 0.001}


@pytest.fixture
def asked(monkeypatch):
    """Answer at once, and return what was asked."""
    questions = []

    def look_up(rows, encodings, recipe, compute, progress, seconds):
        questions.append((encodings, recipe, seconds))
        left = [*encodings.unanswered(), *(["embedding_decay"] if recipe.embedding_decay == "auto" else [])]
        given = {name: FOUND[name] for name in left}
        return Looked(given, (Tried(given, 0.7, 1),))

    monkeypatch.setattr(answers, "look_up", look_up)
    return questions


@pytest.fixture
def job(tmp_path):
    return lambda model="mmoe", **more: Line(REGISTRY).model(
        model, [{**SMALL, "prepared_dir": tmp_path / "prepared"}, more]
    )


def test_answers_are_looked_up_once_for_all_models(asked, job):
    prepared = job().prepare()
    one, other = answered(job(), prepared), answered(job("shared-bottom"), prepared)
    assert len(asked) == 1
    for each in (one, other):
        assert each.config.inputs == plain().answered(
            **{name: answer for name, answer in FOUND.items() if name != "embedding_decay"}
        )
        assert each.config.training.embedding_decay == 0.001
    assert one.looked.to_json() == other.looked.to_json()
    assert answered(one, prepared) is not None
    assert len(asked) == 1, "nothing is open any more"
    balanced = answered(job("mmoe+pcgrad"), prepared)
    assert len(asked) == 1, "encodings are chosen with the weighted mean, whatever trains the model"
    assert balanced.config.training.balancer.name == "pcgrad"
    assert balanced.config.inputs == one.config.inputs


def test_what_is_given_stays_and_other_questions_are_other_answers(asked, job):
    prepared = job().prepare()
    given = answered(job(inputs={"wide": False}, training={"embedding_decay": 0.1}), prepared).config
    assert given.inputs.wide is False
    assert given.training.embedding_decay == 0.1
    answered(job(), prepared)
    assert len(asked) == 2
    assert answered(job(inputs="ids", training={"embedding_decay": 0.1}), prepared).looked is None


def test_damaged_answers_are_looked_up_again(asked, job):
    prepared = job().prepare()
    answered(job(), prepared)
    (file,) = prepared.path.glob("answers-*.json")
    file.write_text(file.read_text().replace("0.7", "0.8"))
    answered(job(), prepared)
    assert len(asked) == 2


def test_trials_take_a_part_of_a_time_budget_and_are_not_kept(asked, job):
    prepared = job().prepare()
    answered(job(time_budget=100.0), prepared)
    assert asked[0][2] == 100.0 * answers.SHARE
    assert not list(prepared.path.glob("answers-*.json"))


def test_who_reads_fields_as_they_are_is_asked_about_decay_alone(asked, job, monkeypatch):
    monkeypatch.setattr(REGISTRY.get(SPACES, "mmoe"), "takes_encodings", False)
    found = answered(job(), job().prepare())
    assert found.config.inputs == plain()
    assert found.looked.answers == {"embedding_decay": 0.001}


def test_a_run_keeps_the_answers_and_needs_no_more(asked, job, tmp_path):
    line = Line(REGISTRY)
    path = line.search(job(), tmp_path, "first").run
    run = Run.open(path)
    assert run.config().inputs.pairs == (PAIR,)
    assert not run.config().inputs.auto
    assert run.read(Trials).looked.answers["wide"] is True
    assert line.evaluate(path).repeats
    for file in (tmp_path / "prepared").glob("*/answers-*.json"):
        file.unlink()
    (found,) = line.retrain(path, 1, [], tmp_path)
    assert Run.open(found.run).config().inputs == run.config().inputs
    assert len(asked) == 1


def test_few_rows_are_given_as_they_are(job):
    found = answered(job(), job().prepare())
    assert found.config.inputs == plain()
    assert found.config.training.embedding_decay == EMBEDDING_DECAY
    assert "tell too little" in found.looked.why
    assert Encodings() == job().config.inputs
