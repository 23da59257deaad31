"""Charts: one mark for each value, colours of the page, titles for hovering and for screen readers."""

import re

import pytest

from automtl_inspection.sections import Bar, Bars, Curves
from automtl_report.charts import COLOURS, Axis, chart, colour, legible


def test_only_long_names_may_break():
    assert legible("engage_right and a/b") == "engage_right and a/b"
    assert legible("layer0/expert0/interaction") == "layer0/<wbr>expert0/<wbr>interaction"


def test_curves_have_a_point_for_each_value_and_a_line_for_the_mark():
    lines = {"warm-up": [(1.0, 0.6), (2.0, 0.7)], "search": [(3.0, 0.65)]}
    drawn = chart(Curves("click", "epoch", "AUC", lines, {"best epoch": 2.0}))
    assert re.findall(r"<title>([^<]*)", drawn) == [
        "best epoch: 2",
        *("warm-up, epoch 1: 0.6000", "warm-up, epoch 2: 0.7000", "search, epoch 3: 0.6500"),
    ]
    assert 'aria-label="click: AUC by epoch"' in drawn
    assert {"var(--c1)", "var(--c2)"} <= {*re.findall(r"var\(--c\d\)", drawn)}
    assert re.findall(r"left:[\d.]+%\">([^<]*)", drawn) == ["1", "2", "3"], "epochs are whole numbers"


def test_a_legend_has_the_marks_that_are_drawn():
    lines = {"observed": [(0.1, 0.2), (0.5, 0.4)], "perfect": [(0.0, 0.0), (0.6, 0.6)]}
    drawn = chart(
        Curves("click", "predicted", "observed", lines, intervals=[(0.1, 0.1, 0.3)], reference="perfect")
    )
    figure, legend = drawn.split('<ul class="legend">')
    assert re.findall(r'<path class="(\w+)"', legend) == ["line", "dashed"]
    assert len(re.findall(r'<path class="(?:line|dashed)"', figure)) == 2
    assert re.findall(r"<title>([^<]*)", drawn)[0] == "[0.1000, 0.3000]"
    assert [title.split(",")[0] for title in re.findall(r"<title>(\w+,)", drawn)] == ["observed"] * 2
    assert "legend" not in chart(Curves("click", "x", "y", {"only": [(1.0, 2.0)]}))


def test_bars_have_their_values_and_intervals_and_all_of_their_labels():
    name = "n" * 200
    drawn = chart(Bars("cost", "FLOPs", [Bar("a", 10.0), Bar(name, 20.0, 15.0, 25.0, strong=False)], ",.0f"))
    assert re.findall(r'<tr[^>]*title="([^"]*)"', drawn) == ["a: 10", f"{name}: 20 [15, 25]"]
    assert f">{name}</th>" in drawn
    assert re.findall(r"<b[^>]*width:([\d.]+)%", drawn) == ["40.00", "80.00"]
    assert re.findall(r"<i style=\"left:([\d.]+)%;width:([\d.]+)%", drawn) == [("60.0", "40.00")]
    assert re.findall(r'<td class="r">([^<]*)', drawn) == ["10", "20"]
    assert "#" not in drawn, "all colours come from the page"
    below = chart(Bars("gain", "AUC", [Bar("a", -0.01), Bar("b", 0.01)]))
    assert below.count('<s style="left:50.0%"></s>') == 2, "0 is marked"
    assert "<s " not in chart(Bars("t", "AUC", [Bar("a", 0.7, 0.6, 0.8)], ".4f", from_zero=False))
    assert "left:50.0%" in chart(Bars("nothing", "AUC", [Bar("a", 0.0)]))


def test_points_have_colours_that_the_legend_explains():
    points = {"found, chosen": [(100.0, 0.7)], "mmoe": [(2000.0, 0.8)]}
    near = chart(Curves("cost", "FLOPs", "AUC", points, logarithmic=True))
    assert re.findall(r"</svg>([^<]*)</li>", near) == ["found, chosen", "mmoe"]
    assert re.findall(r"<title>([^<]*)<", near) == [
        "found, chosen, FLOPs 100: 0.7000",
        "mmoe, FLOPs 2,000: 0.8000",
    ]
    assert colour(0) == colour(COLOURS)


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
