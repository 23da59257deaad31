"""The test of a run: from its files alone it gives the recorded metrics, or says what does not fit."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from automtl_core.choices import OneOf
from automtl_core.errors import ArtifactError, UsageError
from automtl_core.run_dir.facts import Budget, Data, Decided, Result
from automtl_core.run_dir.run import Run
from automtl_core.training.events import SILENT
from automtl_core.workflow.evaluation import evaluate_run
from automtl_core.workflow.stage import OnTestRows, measured
from automtl_core.workflow.workflow import Workflow
from automtl_datasets.synthetic.dataset import KINDS
from automtl_inspection.importance import Importance, ImportanceStage
from automtl_report.record import read_record
from tests.shared.truth import truth

from .lines import EQUAL, REGISTRY, begin, contents, go_on, make_job


def test_metrics_by_user_of_a_hashed_user_field_say_that_they_are_of_buckets(tmp_path):
    for buckets in ({}, {"user_id": 8}):
        job = make_job(
            tmp_path,
            {"dataset": {"kind": "history", "rows": 4000, "hashed": buckets}, "metrics": ["gauc", "pr-auc"]},
        )
        prepared = job.prepare()
        logits = np.zeros((len(prepared.part("test")), len(prepared.schema.tasks)))
        for m in measured(job, prepared, prepared.part("test"), logits, job.metrics()).values():
            assert m.others["gauc"].by_user.unit == ("buckets" if buckets else "users")


def test_weights_of_another_architecture_are_refused(job, whole, tmp_path):
    run = Run.open(shutil.copytree(whole.path, tmp_path / "run"))
    decisions = json.loads((run.path / "architecture.json").read_text())
    decisions["decisions"]["layer0/expert0/single"] = []
    decisions["decisions"]["layer0/expert0/block0"] = "mlp-16"
    (run.path / "architecture.json").write_text(json.dumps(decisions))
    with pytest.raises(ArtifactError, match="its SHA-256 differs from the one in"):
        evaluate_run(job, run, job.prepare())
    run.write(replace(run.read(Result), files=run.sums()))
    run.write(Decided(run.sums()["architecture.json"]))
    with pytest.raises(ArtifactError, match="do not fit the architecture"):
        evaluate_run(job, run, job.prepare())


def test_an_architecture_on_other_data_is_refused(whole, tmp_path):
    job = make_job(tmp_path, {"dataset": {"rows": 500}})
    with pytest.raises(ArtifactError, match="trained on other fields, tasks or vocabularies"):
        evaluate_run(job, whole, job.prepare())


KEYS = [["engage_left", "engage_right"], ["avoid_left", "avoid_right"]]
LEARNED_LATE = ("user_id",)
"""Fields whose values have too few rows for a short training."""


def test_a_run_has_the_effects_of_the_fields_that_its_network_reads(whole):
    found, report = whole.read(Importance), read_record(whole.path, REGISTRY)
    names = [f["name"] for kind in ("sparse", "dense") for f in whole.read(Data).schema[kind]]
    assert found.rows == whole.read(Data).rows["test"] == 100
    assert list(found.effects) == [name for name in names if name not in report.sharing.closed()]
    assert all(list(by_task) == list(whole.read(Result).test) for by_task in found.effects.values())
    assert report.to_json()["importance"] == found.to_json()


def test_a_field_that_the_network_does_not_read_is_not_permuted(tmp_path):
    layer = {
        "dataset": {"name": "synthetic", "rows": 600},
        "features": "ids",
        "space": {"experts": 1, "ops": ["mlp-4"]},
        "training": {"epochs": 1, "batch_size": 128, "embedding_decay": 0.01},
        "prepared_dir": tmp_path / "prepared",
    }
    line = Workflow(REGISTRY)
    job = line.job([layer])
    unread = {"item_id", "noise_small"}
    decisions = {
        name: choice.options[0]
        if isinstance(choice, OneOf)
        else [option for option in choice.options if option not in unread]
        for name, choice in job.space(job.prepare()).choices().items()
    }
    run = Run.open(line.search(line.model("desan", [layer, {"decisions": decisions}]), tmp_path).path)
    names = {f["name"] for kind in ("sparse", "dense") for f in run.read(Data).schema[kind]}
    assert {*run.read(Importance).effects} == names - unread


def test_a_run_that_is_killed_before_its_test_has_the_same_bytes(job, whole, tmp_path, monkeypatch):
    write = Run.write

    def dies(run, fact):
        if isinstance(fact, Result) and fact.test is not None:
            raise KeyboardInterrupt
        write(run, fact)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            begin(job, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert (run.read(Result).test, run.done(), run.has(Importance)) == (None, False, True)
    go_on(job, run)
    names = (*EQUAL, "importance.json")
    assert contents(run, names) == contents(whole, names)


def test_it_can_be_turned_off_and_limited(tmp_path, whole):
    off = begin(make_job(tmp_path, {"importance": {"rows": 0}}), tmp_path / "off")
    assert not off.has(Importance)
    assert contents(off) == contents(whole)
    few = begin(make_job(tmp_path, {"importance": {"rows": 41}}), tmp_path / "few")
    assert few.read(Importance).rows == 40
    with pytest.raises(UsageError, match=r"importance\.rows"):
        make_job(tmp_path, {"importance": {"rows": -1}})


def test_a_time_budget_limits_the_rows(job, whole, tmp_path):
    prepared, made = job.prepare(), Workflow(REGISTRY).trained(whole)
    space = job.space(prepared)
    fields = len(whole.read(Importance).effects)

    run = Run.open(shutil.copytree(whole.path, tmp_path / "run"))

    def rows(seconds):
        run.write(Budget(seconds, 0.5, 0.9, 0.9))
        on = OnTestRows(job, run, prepared, space, made, np.zeros(()), 0.001, SILENT)
        return [found.rows for found in ImportanceStage().measure(on)]

    assert rows(1e6) == [100]
    assert rows(20 * (fields + 1) * 0.001 * 50.5) == [50]
    assert rows(0.001) == []


@pytest.mark.parametrize("seed", range(3))
def test_planted_fields_matter_and_no_other_field_does(tmp_path, seed):
    """Fields that act only together are permuted in their aggregate."""
    dataset = {"name": "synthetic", "rows": 8000, "seed": seed, "test_fraction": 0.4}
    layer = {
        "dataset": dataset,
        "features": {"aggregates": KEYS, "numbers": "standard"},
        "training": {"epochs": 6, "batch_size": 256, "embedding_decay": 0.01, "learning_rate": 0.003},
        "space": {"expert_layers": [32], "tower_layers": [16], "experts": 2, "embedding_dim": 8},
        "seed": seed,
        "prepared_dir": tmp_path / "prepared",
    }
    line = Workflow(REGISTRY)
    run = Run.open(line.search(line.model("mmoe", [layer]), tmp_path).path)
    true, found = truth(KINDS["pairs"]), run.read(Importance).effects
    planted = {
        task: {*about.get("fields", ()), *(one for pair in about.get("pairs", ()) for one in pair)}
        for task, about in true["tasks"].items()
    }
    matters = {
        task: {field for field, by_task in found.items() if by_task[task].verdict == "matters"}
        for task in planted
    }
    assert all(matters[task] <= planted[task] for task in planted), "no noise, and no field of other tasks"
    for field in {*found} - {*true["noise"], *LEARNED_LATE}:
        assert any(field in matters[task] for task in planted), field
    assert not any(
        one.verdict == "no effect" for task in planted for f in planted[task] if (one := found[f][task])
    )
