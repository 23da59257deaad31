"""The model card tells what there is to know, from the files of a run."""

import re
import shutil
from dataclasses import replace

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
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


def test_a_run_that_is_not_tested_has_no_card(finished, tmp_path):
    run = Run.open(shutil.copytree(finished[1].path, tmp_path / "run"))
    run.write(replace(run.read(Result), test=None))
    with pytest.raises(ArtifactError, match="not tested yet"):
        carded(run)
