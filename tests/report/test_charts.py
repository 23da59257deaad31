"""Charts: one mark for each value, colours of the page, titles for hovering and for screen readers."""

import re

import pytest

from automtl_inspection.sections import Bar, Bars, Curves, Text
from automtl_report.charts import Axis, chart, legend, legible


def test_only_long_names_may_break():
    assert legible("engage_right and a/b") == "engage_right and a/b"
    assert legible("layer0/expert0/interaction") == "layer0/<wbr>expert0/<wbr>interaction"


def test_curves_have_a_point_for_each_value_and_a_line_for_the_mark():
    lines = {"warm-up": [(1.0, 0.6), (2.0, 0.7)], "search": [(3.0, 0.65)]}
    drawn = chart(block := Curves("click", "epoch", "AUC", lines, {"best epoch": 2.0}))
    assert re.findall(r"<title>([^<]*)", drawn) == ["best epoch: 2"]
    told = ["m1 mark: search, epoch 3: 0.6500", "m0: warm-up, epoch 1: 0.6000"]
    assert [": ".join(one) for one in re.findall(r'<u class="(.*?)"[^>]*title="(.*?)"', drawn)][:2] == told
    assert 'aria-label="click: AUC by epoch"' in drawn
    assert re.findall(r"left:[\d.]+%\">([^<]*)</span>", drawn) == ["1", "2", "3"], "epochs are whole numbers"
    assert re.findall(r"</u>([^<]*)</li>", legend(block)) == ["warm-up", "search", "best epoch"]


def test_a_legend_has_the_marks_that_are_drawn():
    lines = {"observed": [(0.1, 0.2), (0.5, 0.4)], "perfect": [(0.0, 0.0), (0.6, 0.6)]}
    drawn = chart(block := Curves("a", "x", "y", lines, intervals=[(0.1, 0.1, 0.3)], reference="perfect"))
    for part in (legend(block), drawn):
        assert sorted(re.findall(r'<path class="line (\w+)"', part)) == ["dashed", "m0"]
    assert re.findall(r'<path class="interval m0"[^>]*><title>([^<]*)', drawn) == ["[0.1000, 0.3000]"]
    assert [one.split(",")[0] for one in re.findall(r'<u [^>]*title="(.*?)"', drawn)] == ["observed"] * 2
    assert not legend(Curves("click", "x", "y", {"only": [(1.0, 2.0)]}))
    assert not legend(Text("no chart"))


def test_values_of_one_label_stand_in_one_row_on_one_axis_with_ticks():
    bars = [Bar("click", 0.7, 0.6, 0.8, "search"), Bar("click", 0.65, of="mmoe"), Bar("n" * 99, 1.0, of="b")]
    drawn = chart(block := Bars("Test AUC", "AUC", bars, ".4f", (), "search"))
    assert re.findall(r'<th scope="row">(\w+)', drawn) == ["click", "n" * 99]
    told = ["m0: click, search: 0.7000 [0.6000, 0.8000]", "m1: click, mmoe: 0.6500"]
    assert [": ".join(one) for one in re.findall(r'<div class="(\w+)" title="(.*?)"', drawn)][:2] == told
    assert drawn.count("linear-gradient") == drawn.count("<span") > 2, "a line at each tick"
    assert re.findall(r"</u>([^<]*)</li>", legend(block)) == ["search", "mmoe", "b"]
    assert "#" not in drawn, "all colours come from the page"
    assert "<s " not in drawn, "0 is not in the axis"


def test_bars_begin_at_zero_which_is_marked():
    drawn = chart(Bars("cost", "FLOPs", [Bar("a", -10.0), Bar("b", 20.0)], ",.0f"))
    one, two = (float(width) for width in re.findall(r"<b style=\"left:[\d.]+%;width:([\d.]+)%", drawn))
    assert two == pytest.approx(2 * one, abs=0.02)
    assert len({*re.findall(r'<s style="left:([\d.]+)%', drawn)}) == 1
    assert re.findall(r"<div>(-?\d+)</div>", drawn) == ["-10", "20"]


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "labels"),
    [
        (0.78, 0.9, False, ["0.78", "0.80", "0.82", "0.84", "0.86", "0.88", "0.90"]),
        (0.0, 1.0, False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.0, 620_000.0, False, ["0", "200k", "400k", "600k"]),
        (-1e-4, 1e-4, False, ["-0.00010", "-0.00005", "0.00000", "0.00005", "0.00010"]),
        (150.0, 200_000.0, True, ["300", "1k", "3k", "10k", "30k", "100k"]),
        (1.0, 3e9, True, ["1", "100", "10k", "1M", "100M"]),
        (40_000.0, 80_000.0, True, ["40k", "50k", "60k", "70k", "80k"]),
    ],
)
def test_ticks_are_round_and_few(low, high, logarithmic, labels):
    axis = Axis(low, high, logarithmic)
    found = [label for _, label in axis.ticks()]
    assert found == labels
    assert all(0 <= axis.place(value) <= 100 for value, _ in axis.ticks())


def test_an_axis_of_one_value_has_a_length():
    for values in ([0.5], [0.0], [0.7, 0.7]):
        axis = Axis.of(values)
        assert axis.place(values[0]) == 50
    assert Axis.of([100.0, 1e6], logarithmic=True).place(1e4) == pytest.approx(50, abs=1)
