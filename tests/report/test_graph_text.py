"""Drawings as text: the same parts and edges in each form, names escaped."""

import json
import shutil
import subprocess

import pytest

from automtl_core.views.values import Drawing, Edge, Node
from automtl_report.graph_text import FORMATS, as_json, dot, mermaid
from tests.report.test_svg import DRAWING

HOSTILE = Drawing(
    "x", [Node("a", 'a"];x --> y\n<b>', "input", 0), Node("t", "t#quot;", "task", 1)], [Edge("a", "t", 0.25)]
)


def test_mermaid_has_a_line_for_each_part_and_edge():
    lines = mermaid([DRAWING]).splitlines()
    assert lines[0] == "flowchart LR"
    assert sum("[" in line for line in lines) == len(DRAWING.nodes)
    assert sum("--> " in line or '-->|"' in line for line in lines) == 2
    assert sum("-.->" in line for line in lines) == 1


def test_dot_has_a_line_for_each_part_and_edge():
    text = dot([DRAWING])
    assert text.count("->") == len(DRAWING.edges)
    assert text.count("label=") >= len(DRAWING.nodes)


def test_json_has_all_facts():
    (one,) = json.loads(as_json([DRAWING]))
    assert one["nodes"][2] == {
        "name": "e0", "label": "expert0", "kind": "expert", "column": 1, "notes": ["block0: mlp"],
        "pruned": False,
    }  # fmt: skip
    assert [edge["weight"] for edge in one["edges"]] == [None, 0.5, None]


def test_names_cannot_change_a_graph():
    lines = mermaid([HOSTILE]).splitlines()
    assert lines[1] == '    n0_0["a#quot;];x --#gt; y #lt;b#gt;"]'
    assert lines[2] == '    n0_1["t#35;quot;"]'
    assert dot([HOSTILE]).count("\n") == 7


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graphviz_reads_it():
    done = subprocess.run(["dot", "-Tsvg"], input=dot([HOSTILE]), text=True, capture_output=True, check=True)
    assert done.stdout.count("<g ") == 4


def test_all_formats_are_named():
    assert list(FORMATS) == ["svg", "mermaid", "dot", "json"]
