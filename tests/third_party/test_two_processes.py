"""A last round, a comparison and an encoding search in two processes have the results of one."""

import os

import pytest
from two_processes import Processes

from automtl_comparison.spec import ComparisonSpec
from automtl_core.registry.plugins import load_registry
from automtl_core.search.trial import TrialEnded
from automtl_core.settings.settings import Settings
from automtl_core.workflow.run_trial import run_trial
from automtl_core.workflow.workflow import Workflow
from automtl_testing import check_engine

DATA = {"dataset": {"name": "synthetic", "rows": 1000}}
TRAINING = {"batch_size": 256, "epochs": 2, "min_positives": 1}


@pytest.fixture(scope="module")
def executor():
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # which workers inherit
    with Processes(Settings(), 2).executor(run_trial) as executor:
        yield executor


def test_the_engine_keeps_its_contract(tmp_path):
    check_engine(Processes(Settings(), 2), tmp_path)


def test_a_comparison_has_the_same_tables(executor, tmp_path):
    layer = {**DATA, "training": TRAINING, "features": "ids", "prepared_dir": tmp_path / "prepared"}
    found = []
    for name, how in (("one", None), ("two", executor)):
        wanted = ComparisonSpec(["shared-bottom", "mmoe"], seeds=1, out=tmp_path / name)
        found.append(wanted.compared(Workflow(load_registry(), executor=how), [layer])[0])
    one, two = (
        {name: [(cell.run, cell.test) for cell in model.tested] for name, model in each.models.items()}
        for each in found
    )
    assert one == two
    assert found[0].verdicts() == found[1].verdicts()


def test_an_encoding_search_has_the_same_answers(executor, tmp_path):
    results, ended = [], []

    def hear(event):
        ended.extend([event] if isinstance(event, TrialEnded) else [])
        return True

    for name, how in (("one", None), ("two", executor)):
        layer = {**DATA, "training": {**TRAINING, "epochs": 1}, "prepared_dir": tmp_path / name}
        layer["encoding_search"] = {"min_rows": 100, "min_positives": 10}
        workflow = Workflow(load_registry(), hear, how)
        job = workflow.model("shared-bottom", [layer])
        results.append(workflow.resolve_auto(job, workflow.prepare(job)).encoding_search)
    assert results[0] == results[1]
    assert results[0].trials, "something was trained"
