"""The report of a comparison: verdict, differences with intervals, score against cost."""

from automtl_comparison.sections import of_comparison
from automtl_core.views.values import Bars, Grid, Plot


def made(found):
    return {section.title: section.blocks for section in of_comparison(found) if section.title}


def test_the_verdict_comes_first_with_a_row_for_each_model(compared):
    found = compared("click", "price")
    sections = made(found)
    assert next(iter(sections)) == "verdict"
    grid = next(block for block in sections["verdict"] if isinstance(block, Grid))
    assert [row[0] for row in grid.rows] == list(found.models)
    assert grid.header[2:4] == ["against one.yaml", "against single-task"]


def test_differences_are_bars_with_intervals(compared):
    found = compared("click", "price")
    charts = [block for block in made(found)["differences to single-task"] if isinstance(block, Bars)]
    differences = found.differences("single-task")
    for chart in charts:
        for bar in chart.bars:
            one = differences[bar.label][chart.title]
            assert (bar.value, bar.low, bar.high) == (one.mean, one.low, one.high)
    assert {chart.title for chart in charts} == {"click", "price", "mean"}


def test_one_reference_that_is_single_task_is_shown_once(compared):
    titles = [s.title for s in of_comparison(compared("click", reference="single-task")) if s.title]
    assert titles.count("differences to single-task") == 1


def test_scores_against_costs_are_plotted_where_several_models_have_both(compared):
    plots = [block for block in made(compared("click")).get("score and cost", []) if isinstance(block, Plot)]
    assert all(len(plot.points) > 1 for plot in plots)
