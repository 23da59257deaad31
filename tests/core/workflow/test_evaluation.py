"""The test of a run: from its files alone it gives the recorded metrics, or says what does not fit."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Decided, Result
from automtl_core.run_dir.run import Run
from automtl_core.workflow.evaluation import _measured, evaluate_run, reachable
from automtl_core.workflow.job import Job

from .lines import REGISTRY, make_job


def test_what_can_be_reached_is_that_of_rows_with_the_label_and_of_binary_tasks():
    nan = float("nan")
    labels = np.array([[1, 0, 0.3, 1], [0, 1, 0.2, 0], [nan, 0, 0.1, 1], [0, nan, 0.4, 0]], np.float32)
    oracle = np.array(
        [[0.8, 0.9, 0.1, nan], [0.3, 0.5, 0.1, 0.2], [0.9, 0.1, 0.1, 0.3], [0.1, nan, 0.1, 0.2]]
    )
    tasks = (Task("click"), Task("like"), Task("price", kind="regression"), Task("share"))
    prepared = SimpleNamespace(
        schema=Schema((SparseField("user", 2),), (), tasks),
        part=lambda name: Part(np.zeros((4, 1), np.int32), np.zeros((4, 0), np.float32), labels),
        oracle=lambda name: oracle,
    )
    # click: 0.8 above 0.3 and 0.1; like: 0.5 above 0.1, below 0.9; of share not all chances are known
    assert reachable(prepared) == {"click": 1.0, "like": 0.5}


def test_evaluation_from_the_files_repeats_the_test_metrics_exactly(whole):
    job = Job.resolve(whole.config(), REGISTRY)
    metrics = evaluate_run(job, whole, job.prepare())
    assert metrics == whole.read(Result).test


def test_metrics_by_user_of_a_hashed_user_field_say_that_they_are_of_buckets(tmp_path):
    for buckets in ({}, {"user_id": 8}):
        job = make_job(
            tmp_path,
            {"dataset": {"kind": "history", "rows": 4000, "hashed": buckets}, "metrics": ["gauc", "pr-auc"]},
        )
        prepared = job.prepare()
        logits = np.zeros((len(prepared.part("test")), len(prepared.schema.tasks)))
        for m in _measured(job, prepared, "test", logits, job.metrics()).values():
            assert m.others["gauc"].by_user.buckets == bool(buckets)


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
