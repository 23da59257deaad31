"""Charts: one mark for each value, with titles; drawings: a box for each part, a line for each edge."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from automtl_inspection.sections import Bar, Bars, Curves, Drawing, Edge, Node, Text
from automtl_report.charts import Axis, chart, legend, legible
from automtl_report.drawing import LETTERS, drawn


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


DRAWING = Drawing(
    "net",
    [
        Node("user", "user", "input", 0),
        Node("gone", "gone", "input", 0, pruned=True),
        Node("e0", "expert0", "expert", 1, ("block0: mlp",)),
        Node("e1", "expert1", "expert", 1, pruned=True),
        Node("t", "a task with a long name, longer than a box", "task", 2),
    ],
    [Edge("user", "e0"), Edge("e0", "t", 0.5, ("required",)), Edge("e1", "t", pruned=True)],
)


def test_each_part_and_edge_is_there_once_with_notes_and_widths():
    text = drawn(DRAWING)
    assert len(re.findall(r'class="node ', text)) == 5
    assert len(re.findall(r'class="node expert', text)) == 2
    assert len(re.findall(r'class="edge', text)) == 2, "none of a removed part"
    text = drawn(DRAWING)
    assert "expert0\nblock0: mlp" in text
    assert 'stroke-width="4.5"' in text
    assert "mean weight in the gate: 0.50\nrequired" in text
    assert "gone\npruned by the search" in text
    text = drawn(DRAWING)
    (shown,) = re.findall(r"<text[^>]*>(a task[^<]*)</text>", text)
    assert len(shown) == LETTERS
    assert "a task with a long name, longer than a box</title>" in text


def test_removed_parts_of_a_column_share_a_box():
    more = [*DRAWING.nodes, Node("lost", "lost", "input", 0, ("no effect",), pruned=True)]
    text = drawn(Drawing("net", more, [*DRAWING.edges, Edge("e0", "t", notes=("closed",), pruned=True)]))
    assert len(re.findall(r'class="node input', text)) == 2
    assert ">2 inputs removed</text>" in text
    assert "gone, lost: no effect" in text
    assert len(re.findall(r'class="edge pruned"', text)) == 1, "of a part that is there"


def test_boxes_do_not_overlap_and_lie_inside():
    root = ElementTree.fromstring(drawn(DRAWING))  # noqa: S314
    _, _, width, height = map(float, root.get("viewBox").split())
    boxes = [
        tuple(float(one.get(key)) for key in ("x", "y", "width", "height"))
        for one in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    for x, y, w, h in boxes:
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
    places = sorted((x, y) for x, y, *_ in boxes)
    assert all(x0 != x1 or y1 - y0 >= boxes[0][3] for (x0, y0), (x1, y1) in itertools.pairwise(places))
