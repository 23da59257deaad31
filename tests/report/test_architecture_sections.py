"""Verdict, architecture and use of experts: each shows what the run recorded."""

from dataclasses import replace

from automtl_core.run_dir.facts import Behaviour
from automtl_core.training.expert_use import ExpertUse
from automtl_core.views.values import Bars, Grid, Text
from automtl_report.architecture_sections import architecture, expert_use, verdict


def blocks(sections, kind):
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]


def test_the_verdict_has_intervals_and_the_cost_beside_mmoe(record):
    (section,) = verdict(record)
    auc = next(block for block in section.blocks if isinstance(block, Bars) and block.title == "Test AUC")
    for bar in auc.bars:
        assert bar.low < bar.value == record.result.test[bar.label].values["auc"] < bar.high
    texts = [block.text for block in section.blocks if isinstance(block, Text)]
    ratio = record.result.flops_per_row / record.landmarks["mmoe"]
    assert any(f"{ratio:.2f} times the {record.landmarks['mmoe']:,} of MMoE" in text for text in texts)


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


def test_decisions_of_the_architecture_are_all_listed(record):
    grids = blocks(architecture(record), Grid)
    assert len(grids[-1].rows) == len(record.finding.architecture.decisions)
