"""The drawing of a network: as SVG, inputs on the left, tasks on the right, and as text for Graphviz."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from itertools import groupby

from markupsafe import Markup

from automtl_core.errors import on_one_line
from automtl_inspection.sections import Drawing, Edge, Node
from automtl_report.charts import macro

HEIGHT, GAP, BETWEEN, MARGIN = 24, 8, 120, 6
"""Height of a node, the gap between nodes of a column and between columns, and the margin."""
LETTER, LETTERS = 7, 34
"""Width of a letter, and the largest number of letters that a node shows."""
Place = tuple[float, float, float]
"""Left and upper edge of a node, and its width."""


def grouped(drawing: Drawing, group_of: Callable[[Node], Hashable | None], word: str = "") -> Drawing:
    """Return a drawing with one node for all nodes of a group, which has their edges; None is no group."""
    groups = dict[Hashable, list[Node]]()
    for node in drawing.nodes:
        group = group_of(node)
        groups.setdefault((node.name,) if group is None else (group, node.kind), []).append(node)
    nodes, names, edges = list[Node](), dict[str, str](), dict[tuple[str, str], Edge]()
    for first, *others in groups.values():
        names |= {node.name: first.name for node in (first, *others)}
        if others:
            notes = ", ".join(": ".join([node.label, *node.notes]) for node in (first, *others))
            first = replace(first, label=f"{len(others) + 1} {first.kind}s{word}", notes=(notes,))
        nodes.append(first)
    alone = {first.name for first, *others in groups.values() if not others}
    for edge in drawing.edges:
        ends = names[edge.source], names[edge.target]
        edges[ends] = edge if alone.issuperset(ends) else Edge(*ends)
    return Drawing(drawing.title, nodes, list(edges.values()))


def drawn(drawing: Drawing) -> Markup:
    """Return the drawing as an SVG element; removed nodes of a column share a box."""
    drawing = grouped(drawing, lambda node: node.column if node.pruned else None, " removed")
    kept = {node.name for node in drawing.nodes if not node.pruned}
    # Left to right; in a column, pruned nodes are last.
    ordered_nodes = sorted(drawing.nodes, key=lambda node: (node.column, node.pruned))
    columns = [list(column) for _, column in groupby(ordered_nodes, key=lambda node: node.column)]
    tallest = max((len(column) for column in columns), default=1)
    height, left = tallest * (HEIGHT + GAP) - GAP + 2 * MARGIN, float(MARGIN)
    places = dict[str, Place]()
    for column in columns:
        box = 20.0 + LETTER * max(len(_label(node)) for node in column)
        top = (height - len(column) * (HEIGHT + GAP) + GAP) / 2
        places |= {node.name: (left, top + y * (HEIGHT + GAP), box) for y, node in enumerate(column)}
        left += box + BETWEEN
    width = left - BETWEEN + MARGIN
    # Wide edges first, so that thin ones stay visible.
    ordered = sorted(drawing.edges, key=lambda edge: -(edge.weight or 0.0))
    nodes = {node.name: node for node in drawing.nodes}
    edges = [_edge(edge, nodes, places) for edge in ordered if {edge.source, edge.target} <= kept]
    boxes = [(n, places[n.name], HEIGHT, _label(n), _notes(n, n.label)) for n in drawing.nodes]
    return macro("net", drawing.title, width, height, edges, boxes)


def _label(node: Node) -> str:
    """Return the label of a node as far as it is shown."""
    label = on_one_line(node.label)
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…"


def _edge(
    edge: Edge, nodes: Mapping[str, Node], places: Mapping[str, Place]
) -> tuple[Edge, str, float, list[str]]:
    """Return an edge with its line, width and notes."""
    (x0, y0, box), (x1, y1, _) = places[edge.source], places[edge.target]
    x0, y0, y1 = x0 + box, y0 + HEIGHT / 2, y1 + HEIGHT / 2
    bend = (x1 - x0) / 2
    line = f"M{x0:.1f},{y0:.1f}C{x0 + bend:.1f},{y0:.1f} {x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"
    width = 1.0 if edge.weight is None else max(9 * edge.weight, 1.0)
    names = f"{nodes[edge.source].label} -> {nodes[edge.target].label}"
    weight = [] if edge.weight is None else [f"mean weight in the gate: {edge.weight:.2f}"]
    return edge, line, width, _notes(edge, names, *weight)


def _notes(part: Node | Edge, *first: str) -> list[str]:
    return [*first, *["pruned by the search"] * part.pruned, *part.notes]
