"""Charts: one mark for each value, colours of the page, titles for hovering and for screen readers."""

import re

from automtl_core.views.values import Bar, Bars, Curves, Plot
from automtl_report.charts import COLOURS, chart, colour


def test_curves_have_a_point_for_each_value_and_a_line_for_the_mark():
    lines = {"warm-up": [(1.0, 0.6), (2.0, 0.7)], "search": [(3.0, 0.65)]}
    drawn = chart(Curves("click", "epoch", "AUC", lines, {"best epoch": 2.0}))
    assert re.findall(r"<title>([^<]*)", drawn) == [
        "best epoch: 2",
        *("warm-up, epoch 1: 0.6000", "warm-up, epoch 2: 0.7000", "search, epoch 3: 0.6500"),
    ]
    assert 'aria-label="click: AUC by epoch"' in drawn
    assert "stroke-dasharray" in drawn
    assert {"var(--c1)", "var(--c2)"} <= {*re.findall(r"var\(--c\d\)", drawn)}


def test_bars_have_values_and_intervals_and_references_are_dashed():
    drawn = chart(Bars("cost", "FLOPs", [Bar("a", 10.0), Bar("b", 20.0, 15.0, 25.0, strong=False)], ",.0f"))
    assert re.findall(r"<title>([^<]*)", drawn) == ["a: 10", "b: 20 [15, 25]", "b: 20 [15, 25]"]
    assert "#" not in drawn.replace("http://www.w3.org", ""), "all colours come from the page"
    lines = {"observed": [(0.1, 0.2), (0.5, 0.4)], "perfect": [(0.0, 0.0), (0.6, 0.6)]}
    drawn = chart(Curves("click", "predicted", "observed", lines, reference="perfect"))
    assert 'stroke-dasharray="4,4"' in drawn
    assert re.findall(r"<title>(\w+)", drawn) == ["observed", "observed"]


def test_costs_of_a_wide_range_are_logarithmic_and_equal_charts_are_equal():
    near = chart(Plot("FLOPs", "AUC", {"1": (100.0, 0.7), "2*": (200.0, 0.8)}))
    far = chart(Plot("FLOPs", "AUC", {"1": (100.0, 0.7), "2*": (1e6, 0.8)}))
    assert near != far
    assert "var(--c2)" in near
    bars = Bars("t", "m", [Bar("x", 0.1, 0.0, 0.2)])
    assert chart(bars) == chart(bars)
    assert colour(0) == colour(COLOURS)
