"""The sections of a run: all in a report, some in a terminal, few after a search; its model card."""

import re
import shutil
from dataclasses import replace

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_inspection.sections import Curves, Drawing, Grid, Matrix, Section, Text
from automtl_report.measured import learning
from automtl_report.record import read_record
from automtl_report.run import SECTIONS, card, report
from tests.report.test_html import Plugins
from tests.shared.records import blocks


def test_all_sections_of_a_report_have_their_blocks(small_record):
    sections = {name: list(section(small_record)) for name, (section, _) in SECTIONS.items()}
    empty = {name for name, some in sections.items() if not any(s.blocks for s in some)}
    assert empty == {"aggregates", "encodings", "evidence"}  # neither was searched with evidence
    assert isinstance(sections["drawing"][0].blocks[0], Drawing)
    assert len(blocks(sections["decisions"], Grid)[0].rows) == len(small_record.architecture.decisions) + 1
    assert blocks(sections["readers"], Matrix)
    tasks = {task.name for task in small_record.schema.tasks}
    assert {chart.title for chart in sections["calibration"][0].more if isinstance(chart, Curves)} == tasks
    assert {row[1] for row in sections["fields"][0].more[0].rows} >= tasks


def test_learning_curves_show_epochs(small_record):
    charts = blocks(learning(small_record), Curves)
    points = sum(len(line) for line in charts[0].lines.values())
    assert points == len(small_record.epochs)
    (best,) = charts[0].marks.values()
    assert best == small_record.result.best_epoch


def test_sections_of_plugins_come_last_and_a_broken_one_is_a_note(small_record):
    *_, mine, broken = report(small_record, Plugins())
    assert mine == Section("my section", [Text("seed 0 & more")])
    assert broken.blocks == [Text("warning: this section of a plugin failed: ValueError: <oops>")]


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
