"""Drawings: a box for each part, a line for each edge, as wide as its weight."""

import itertools
import re
from xml.etree import ElementTree

from automtl_inspection.sections import Drawing, Edge, Node
from automtl_report.drawing import LETTERS, drawn

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
