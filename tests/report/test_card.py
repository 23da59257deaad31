"""The model card tells what there is to know, from the files of a run."""

import re
import shutil
from dataclasses import replace

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Calibration, Result
from automtl_core.run_dir.run import Run
from automtl_core.training.calibration import Platt
from automtl_inspection.behaviour import Behaviour
from automtl_inspection.importance import Importance
from automtl_inspection.sections import Section
from automtl_report.measured import strongest
from automtl_report.plain import markdown
from automtl_report.record import read_record
from automtl_report.run import card

REGISTRY = load_registry()


def carded(run):
    return card(read_record(run.path, REGISTRY))


def test_it_tells_tasks_inputs_data_costs_and_limits(finished):
    _, run = finished
    text, result = carded(run), run.read(Result)
    assert text.startswith("# found: click, like, skip, hide\n\n## Tasks\n")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    sections = ("Tasks", "Scores", "test metrics", "calibration", "data", "configuration", "Limits")
    assert [heading for heading in headings if heading[3:] in sections] == [f"## {h}" for h in sections]
    assert "| click | probability that click is 1 |" in text
    assert re.search(rf"\| click(, [^|]*)? \| {result.test['click'].score:.4f} \[", text)
    assert "| user_id | one value, vocabulary of " in text
    assert "| model | desan, searched by random |" in text
    assert f"{result.flops_per_row:,} FLOPs per row" in text


def test_it_has_the_strongest_fields_where_they_are_known(finished, tmp_path):
    run = Run.open(shutil.copytree(finished[1].path, tmp_path / "run"))
    first, *_ = strongest(run.read(Importance))
    sentence = markdown("", [Section("", [first])]).strip("# \n")
    assert sentence in carded(run)
    (run.path / "importance.json").unlink()
    assert sentence not in carded(run)


def test_it_describes_the_calibration(finished, tmp_path):
    run = Run.open(shutil.copytree(finished[1].path, tmp_path / "run"))
    run.write(Calibration({"click": Platt(1.5, -0.25, 300, 0.7, 0.6)}))
    run.write(replace(run.read(Result), files=run.sums()))
    run.write(replace(run.read(Behaviour), log_loss_without_scaling={"click": 0.75}))
    text = carded(run)
    loss = run.read(Result).test["click"].values["log_loss"]
    assert "- click: sigmoid(1.5 * logit -0.25), fitted to 300 validation rows (Platt scaling)" in text
    assert f"- click: log loss on test rows {loss:.4f}, without the calibration 0.7500" in text
    assert "- not calibrated after the training: like, skip, hide; see the log loss" in text
    (run.path / "calibration.json").unlink()
    run.write(replace(run.read(Result), files=run.sums()))
    assert "- not calibrated after the training: click, like, skip, hide" in card(
        read_record(run.path, REGISTRY)
    )


def test_a_run_that_is_not_tested_has_no_card(finished, tmp_path):
    run = Run.open(shutil.copytree(finished[1].path, tmp_path / "run"))
    run.write(replace(run.read(Result), test=None))
    with pytest.raises(ArtifactError, match="not tested yet"):
        carded(run)
