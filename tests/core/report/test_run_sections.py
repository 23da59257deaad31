"""The sections of a run: each shows what the run recorded, and is left out where there is nothing."""

from dataclasses import replace

import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.report.record import read_record
from automtl_core.report.run_sections import SECTIONS, expert_use, histories, learning, verdict
from automtl_core.run_dir.facts import Behaviour
from automtl_core.training.expert_use import ExpertUse
from automtl_core.views.values import Bars, Curves, Drawing, Grid, Matrix, Text


@pytest.fixture(scope="module")
def record(recorded):
    return read_record(recorded, load_registry())


def blocks(sections, kind):
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]


def test_all_sections_are_there_with_their_blocks(record):
    made = {name: list(section(record)) for name, section in SECTIONS.items()}
    empty = {name for name, sections in made.items() if not any(s.blocks for s in sections)}
    assert empty == {"encodings", "evidence"}  # neither was searched with evidence
    assert blocks(made["architecture"], Drawing)
    assert blocks(made["readers"], Matrix)
    assert {chart.title for chart in blocks(made["calibration"], Curves)} == {
        t.name for t in record.schema.tasks
    }
    assert {chart.title for chart in blocks(made["fields"], Bars)} == {t.name for t in record.schema.tasks}


def test_the_verdict_has_intervals_and_the_cost_beside_mmoe(record):
    (section,) = verdict(record)
    auc = next(block for block in section.blocks if isinstance(block, Bars) and block.title == "Test AUC")
    for bar in auc.bars:
        assert bar.low < bar.value == record.result.test[bar.label].auc < bar.high
    texts = [block.text for block in section.blocks if isinstance(block, Text)]
    ratio = record.result.flops_per_row / record.landmarks["mmoe"]
    assert any(f"{ratio:.2f} times those of MMoE" in text for text in texts)


def test_learning_curves_have_a_point_for_each_epoch_and_the_best_one(record):
    charts = blocks(learning(record), Curves)
    points = sum(len(line) for line in charts[0].lines.values())
    assert points == len(record.epochs)
    (best,) = charts[0].marks.values()
    assert best in [epoch.epoch for epoch in record.epochs]


def test_a_collapse_of_experts_is_a_warning(record):
    use = ExpertUse(
        10,
        {"task/click": {"a": 0.99, "b": 0.01}},
        {"task": {"a": {"a": 1.0, "b": 0.99}, "b": {"a": 0.99, "b": 1.0}}},
    )
    texts = [b.text for b in blocks(expert_use(replace(record, behaviour=Behaviour(use, {}))), Text)]
    assert "warning: experts compute nearly the same: a and b (0.99)" in texts
    assert "warning: gates hardly use these experts: b (read by task)" in texts
    assert not list(expert_use(replace(record, behaviour=None)))


def test_histories_show_their_contribution_to_each_task(record):
    (chart,) = blocks(histories(record), Bars)
    assert {bar.label for bar in chart.bars} <= {task.name for task in record.schema.tasks}
    assert chart.title == "History past"


def test_decisions_of_the_architecture_are_all_listed(record):
    grids = blocks(SECTIONS["architecture"](record), Grid)
    assert len(grids[-1].rows) == len(record.finding.architecture.decisions)
