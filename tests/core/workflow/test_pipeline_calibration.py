"""A run calibrates the tasks with enough validation rows, unless a setting turns it off."""

import json

import pytest

from automtl_core.run_dir.facts import Behaviour, Calibration, Result
from automtl_core.workflow.trained import Trained

from .lines import begin, make_job

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


def test_weights_do_not_depend_on_it(runs):
    (with_it, without), _ = runs
    files = with_it.read(Result).files
    assert without.read(Result).files == {name: files[name] for name in files if name != "calibration.json"}


def test_a_run_predicts_with_its_calibration(runs):
    (with_it, without), job = runs
    part = job.prepare().part("test")
    made, raw = (Trained.of(run, job.registry) for run in (with_it, without))
    for place, task in enumerate(made.tasks):
        if one := made.scaling.get(task.name):
            expected = one.slope * raw.predict_logits(part)[:, place] + one.offset
            assert made.predict_logits(part)[:, place] == pytest.approx(expected, abs=1e-6)


def test_too_few_rows_are_not_calibrated(tmp_path):
    few = make_job(tmp_path, {"training": {"min_positives": 10_000, "epochs": 1}})
    run = begin(few, tmp_path / "run")
    assert json.loads((run.path / "calibration.json").read_text())["scaling"] == {}
