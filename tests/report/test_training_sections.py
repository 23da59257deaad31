"""Learning curves and histories: each shows what the run recorded."""

from automtl_core.views.values import Bars, Curves
from automtl_report.training_sections import histories, learning


def blocks(sections, kind):
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]


def test_learning_curves_have_a_point_for_each_epoch_and_the_best_one(record):
    charts = blocks(learning(record), Curves)
    points = sum(len(line) for line in charts[0].lines.values())
    assert points == len(record.epochs)
    (best,) = charts[0].marks.values()
    assert best in [epoch.epoch for epoch in record.epochs]


def test_histories_show_their_contribution_to_each_task(record):
    (chart,) = blocks(histories(record), Bars)
    assert {bar.label for bar in chart.bars} <= {task.name for task in record.schema.tasks}
    assert chart.title == "History past"
