"""Facts of a run are read as written; a run goes on with what it began with, or says what differs."""

import json
from dataclasses import replace

import pytest
import torch
import yaml
from stopping import StopAfter

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Costs, Data, Environment, Result, Search, Status, differences
from automtl_core.run_dir.identity import check_data, check_environment
from automtl_core.run_dir.run import FORMAT, Run
from automtl_core.search.evidence import Evidence, Point
from automtl_core.system.documents import write_signed
from automtl_inspection.importance import FieldEffect, Importance
from automtl_testing.samples import binary_metrics, regression_metrics

from ..workflow.lines import go_on, search, start


@pytest.fixture
def stopped(small, tmp_path):
    """A run that was stopped after an epoch, with its job and its data."""
    job = small()
    prepared = job.prepare()
    with pytest.raises(KeyboardInterrupt), start(job, prepared, tmp_path / "run") as run:
        search(job, run, prepared, StopAfter(1))
    return job, run, prepared


def change(run, **settings):
    path = run.path / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **settings}))


def test_settings_that_were_edited_are_named(stopped):
    job, run, _ = stopped
    training = {**job.config.training.model_dump(), "learning_rate": 0.5, "loss_weights": {"click": 2.0}}
    change(run, seed=9, training=training)
    with pytest.raises(ArtifactError) as refused:
        go_on(job, run)
    for part in ("config.yaml: changed since", "training.learning_rate was 0.002, is 0.5", "seed was 0, is 9",
                 "training.loss_weights.click was not there, is 2.0"):  # fmt: skip
        assert part in str(refused.value)
    assert "undo the change, or start a new run" in refused.value.fix


def test_where_files_are_and_metrics_may_be_edited(stopped, tmp_path):
    job, run, _ = stopped
    change(run, prepared_dir="elsewhere", data_dir=str(tmp_path), device="cpu", metrics=["pr-auc"])
    run.initial_config()
    go_on(job.having(metrics=("pr-auc",)), run)
    result = run.read(Result)
    assert (result.test is not None, result.metrics) == (True, ("pr-auc",))


def test_other_data_is_refused_and_what_differs_is_named(stopped):
    _, run, prepared = stopped
    run.write(
        replace(run.read(Data), raw={name: {"bytes": 1, "sha256": name} for name in ("a.csv", "b.csv")})
    )
    now = {**prepared.manifest, "raw": {name: {"bytes": 1, "sha256": "3"} for name in ("a.csv", "c.csv")}}
    check_data(run, now)
    with pytest.raises(ArtifactError) as refused:
        check_data(run, {**now, "fingerprint": "x", "version": 9})
    for part in ("raw file a.csv is different", "raw file b.csv is not in both", "c.csv", "data.version was"):
        assert part in str(refused.value)


def test_another_environment_is_refused_unless_one_goes_on_anyway_and_all_are_kept(stopped):
    job, run, _ = stopped
    began = replace(run.read(Environment), torch="1.0", threads=77)
    run.write(began)
    with pytest.raises(ArtifactError, match=r"torch was 1.0, is .*threads was 77, is 1") as refused:
        go_on(job, run)
    assert refused.value.fix.endswith(f"automtl search --resume {run.path} --anyway")
    go_on(job, run, anyway=True)
    now = run.read(Environment)
    assert (now.threads, now.torch) == (1, torch.__version__)
    assert now.earlier == (began,)
    check_environment(run, replace(now, threads=2, earlier=()), anyway=True)
    check_environment(run, replace(now, threads=2, earlier=()), anyway=False)
    assert [one.threads for one in run.read(Environment).earlier] == [77, 1]


def test_a_run_without_the_format_of_rows_does_not_go_on_and_its_encoder_is_written_again(stopped):
    job, run, _ = stopped
    rows, encoder = run.path / "rows.json", run.path / "encoder/encoder.json"
    form, whole = rows.read_bytes(), encoder.read_bytes()
    for path in (rows, encoder):
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match=r"rows.json: "):
        go_on(job, run)
    rows.write_bytes(form)
    go_on(job, run)
    assert encoder.read_bytes() == whole


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


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.file)
def test_facts_are_read_as_they_were_written_and_refused_if_they_were_changed(tmp_path, fact):
    run = Run(tmp_path)
    assert not run.has(type(fact))
    run.write(fact)
    assert run.has(type(fact))
    assert run.read(type(fact)) == fact
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
def test_anything_else_is_damaged_and_no_bug(tmp_path, kind, text):
    run = Run(tmp_path)
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
def test_what_is_signed_and_of_another_shape_is_refused(tmp_path, change):
    run = Run(tmp_path)
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
