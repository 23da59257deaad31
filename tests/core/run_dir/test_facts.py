"""Facts of a run: what was changed, or is of another shape, is refused."""

import json

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Costs, Environment, Result, Search, Status, differences
from automtl_core.run_dir.run import FORMAT, Run
from automtl_core.search.evidence import Evidence, Point
from automtl_core.system.documents import write_signed
from automtl_inspection.importance import FieldEffect, Importance
from automtl_testing.samples import binary_metrics, regression_metrics

CLICK = binary_metrics(0.75, 0.5, 10, 100)
PRICE = regression_metrics(1.5, 1.0, None, 100, "all 100 labels are equal")
RESULT = Result(3, 100, 10, 1000, {"click": CLICK, "price": PRICE}, {"weights": "x"}, {"click": CLICK})
THEN = Environment("0.2", {"desan": "1"}, "3.11", "2.4", "1.26", "cpu", 4)
EVIDENCE = Evidence("op", "mlp-4", "chosen", "no significant effect", "mlp-8", 1e-4, 2e-4, 320, 64, epoch=3)
POINT = Point("mmoe", {"op": "mlp-4", "fields": ("a",)}, 0.5, 0.0, None, 10, 20, trained=True, chosen=True)
EFFECT = FieldEffect("AUC", 0.01, 0.005, 0.015, 1e-5, "matters")
FACTS = [
    Status("failed", "no space left", 74),
    Costs({"search": 1.5, "train": 0.0}, None),
    Environment("0.2", {}, "3.12", "2.5", "2.0", "cuda", 1, {"lightgbm": "4.6"}, (THEN, THEN)),
    RESULT,
    Search((EVIDENCE, EVIDENCE), (POINT,)),
    Importance(100, {"user": {"click": EFFECT, "price": FieldEffect("R2")}}),
]


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.file)
def test_facts_are_read_as_they_were_written_and_refused_if_they_were_changed(run, fact):
    assert not run.has(type(fact))
    run.write(fact)
    assert run.has(type(fact))
    assert run.read(type(fact)) == fact
    run.write(fact)
    path = run.path / f"{fact.file}.json"
    told = json.loads(path.read_text())
    for key in told:
        path.write_text(json.dumps({**told, key: "other"}))
        with pytest.raises(ArtifactError) as refused:
            run.read(type(fact))
        assert refused.value.fix


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "3", "[" * 100_000, '{"format": 1}', "9" * 5000, "NaN"]
)
@pytest.mark.parametrize("kind", [Status, Result, Environment])
def test_anything_else_is_damaged_and_no_bug(run, kind, text):
    (run.path / f"{kind.file}.json").write_text(text)
    with pytest.raises(ArtifactError):
        run.read(kind)


@pytest.mark.parametrize(
    "change",
    [
        {"best_epoch": "many"},
        {"validation": None},
        {"validation": {"click": {"auc": 1}}},
        {"test": [1]},
        {"files": 1},
    ],
)
def test_what_is_signed_and_of_another_shape_is_refused(run, change):
    write_signed(run.path / "result.json", FORMAT, {**RESULT.to_json(), **change})
    with pytest.raises(
        ArtifactError, match=rf"result\.json: damaged, or of another version: {next(iter(change))}"
    ):
        run.read(Result)


def test_each_changed_value_has_a_phrase_with_its_path():
    then = {"seed": 0, "training": {"epochs": 3, "loss_weights": {}}, "gone": 1}
    now = {"seed": 0, "training": {"epochs": 4, "loss_weights": {"click": 2.0}}}
    assert differences(then, now, "data.") == [
        "data.training.epochs was 3, is 4",
        "data.training.loss_weights.click was not there, is 2.0",
        "data.gone was 1, is not there",
    ]
    assert differences(then, then) == []
