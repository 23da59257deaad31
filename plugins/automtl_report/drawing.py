"""The drawing of a network: as SVG, inputs on the left, tasks on the right, and as text for other tools."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

from markupsafe import Markup, escape

from automtl_core.errors import on_one_line, printable
from automtl_core.views.values import Drawing, Edge, Node
from automtl_report.charts import colour

HEIGHT, GAP, BETWEEN, MARGIN = 24, 8, 120, 6
"""Height of a node, the gap between nodes of a column and between columns, and the margin."""
LETTER, LETTERS = 7, 34
"""Width of a letter, and the largest number of letters that a node shows."""
PALETTE = ("#0b66a8", "#b4500a", "#0a7a55", "#a8457f", "#8a6a00", "#2a7fa5", "#6f4a8e", "#5a5f66")
"""Colours outside of a report, where there is no style sheet."""
Place = tuple[float, float, float]
"""Left and upper edge of a node, and its width."""
STYLE = """
text{font:12px system-ui,sans-serif;fill:#1c2024}rect{fill:#fff;stroke:#8a9099}path{fill:none}
.pruned rect{stroke-dasharray:3 3;opacity:.7}.pruned text{opacity:.65}
path.pruned{stroke-dasharray:3 4;opacity:.5}
"""


def drawn(drawing: Drawing) -> Markup:
    """Return the drawing as an SVG element with the colours of the page."""
    drawing = _gathered(drawing)
    columns = _columns(drawing.nodes)
    tallest = max((len(column) for column in columns), default=1)
    height, left = tallest * (HEIGHT + GAP) - GAP + 2 * MARGIN, float(MARGIN)
    places = dict[str, Place]()
    for column in columns:
        box = 20.0 + LETTER * max(len(_label(node)) for node in column)
        top = (height - len(column) * (HEIGHT + GAP) + GAP) / 2
        places |= {node.name: (left, top + y * (HEIGHT + GAP), box) for y, node in enumerate(column)}
        left += box + BETWEEN
    width = left - BETWEEN + MARGIN
    # Edges from and to an expert have its colour.
    experts = [node.name for node in drawing.nodes if node.kind in ("expert", "gate")]
    pruned = {node.name for node in drawing.nodes if node.pruned}
    colours = {name: colour(k) for k, name in enumerate(name for name in experts if name not in pruned)}
    # Wide edges first, so that thin ones stay visible.
    ordered = sorted(drawing.edges, key=lambda edge: -(edge.weight or 0.0))
    nodes = {node.name: node for node in drawing.nodes}
    edges = [_edge(edge, nodes, places, colours) for edge in ordered]
    boxes = [_box(node, places[node.name], colours.get(node.name)) for node in drawing.nodes]
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="net" viewBox="0 0 {0:.0f} {1:.0f}" '
        'style="max-width:{2:.0f}px" role="img" aria-label="{3}"><title>{3}</title>{4}</svg>'
    ).format(width, height, 1.3 * width, _shown(drawing.title), Markup("").join([*edges, *boxes]))


def standalone(drawing: Drawing) -> str:
    """Return the drawing as an SVG file."""
    text = str(drawn(drawing)).replace("><title>", f"><style>{STYLE}</style><title>", 1)
    for place in range(len(PALETTE)):
        text = text.replace(f"var(--c{place + 1})", PALETTE[place])
    return text.replace("var(--soft)", "#6a7078") + "\n"


def _gathered(drawing: Drawing) -> Drawing:
    """Return a drawing with one box for all removed parts of a column, and without the edges of these."""
    kept, removed = list[Node](), dict[int, list[Node]]()
    for node in drawing.nodes:
        if node.pruned:
            removed.setdefault(node.column, []).append(node)
        else:
            kept.append(node)
    for column, nodes in removed.items():
        first = nodes[0]
        if len(nodes) > 1:
            notes = tuple(": ".join([node.label, *node.notes]) for node in nodes)
            label = f"{len(nodes)} {first.kind}s removed"
            first = Node(first.name, label, first.kind, column, notes, pruned=True)
        kept.append(first)
    names = {node.name for node in drawing.nodes if not node.pruned}
    edges = [edge for edge in drawing.edges if {edge.source, edge.target} <= names]
    return Drawing(drawing.title, kept, edges)


def _label(node: Node) -> str:
    """Return the label of a node as far as it is shown."""
    label = on_one_line(node.label)
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…"


def _columns(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return the nodes by column, left to right; pruned ones are last."""
    columns: dict[int, list[Node]] = {}
    for node in sorted(nodes, key=lambda node: (node.column, node.pruned)):
        columns.setdefault(node.column, []).append(node)
    return list(columns.values())


def _edge(
    edge: Edge, nodes: Mapping[str, Node], places: Mapping[str, Place], colours: Mapping[str, str]
) -> Markup:
    (x0, y0, box), (x1, y1, _) = places[edge.source], places[edge.target]
    x0, y0, y1 = x0 + box, y0 + HEIGHT / 2, y1 + HEIGHT / 2
    bend = (x1 - x0) / 2
    width = 1.0 if edge.weight is None else max(9 * edge.weight, 1.0)
    paint = colours.get(edge.source) or colours.get(edge.target) or "var(--soft)"
    names = f"{nodes[edge.source].label} -> {nodes[edge.target].label}"
    weight = [] if edge.weight is None else [f"mean weight in the gate: {edge.weight:.2f}"]
    notes = [names, *weight, *_pruned(edge), *edge.notes]
    return Markup(
        '<path class="edge{}" data-a="{}" data-b="{}" d="{}" fill="none" stroke="{}" stroke-width="{:.1f}" '
        'stroke-opacity="{}"><title>{}</title></path>'
    ).format(
        " pruned" * edge.pruned,
        _shown(edge.source),
        _shown(edge.target),
        f"M{x0:.1f},{y0:.1f}C{x0 + bend:.1f},{y0:.1f} {x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}",
        paint,
        width,
        0.45 if edge.weight is None else 0.7,
        _lines(notes),
    )


def _box(node: Node, place: Place, paint: str | None) -> Markup:
    x, y, box = place
    return Markup(
        '<g class="node {}{}" data-n="{}"><title>{}</title>'
        '<rect x="{:.1f}" y="{:.1f}" width="{:.0f}" height="{}" rx="6"{}/>'
        '<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text></g>'
    ).format(
        node.kind,
        " pruned" * node.pruned,
        _shown(node.name),
        _lines([node.label, *_pruned(node), *node.notes]),
        x,
        y,
        box,
        HEIGHT,
        Markup(' stroke="{}" stroke-width="2"').format(paint) if paint else "",
        x + box / 2,
        y + HEIGHT / 2 + 4,
        _label(node),
    )


def _pruned(part: Node | Edge) -> list[str]:
    return ["pruned by the search"] * part.pruned


def _lines(texts: Sequence[str]) -> Markup:
    return Markup("\n").join(map(_shown, texts))


def _shown(text: str) -> Markup:
    return escape(on_one_line(text))


def mermaid(drawings: Sequence[Drawing]) -> str:
    """Return a Mermaid flowchart; a pruned part is dashed."""
    lines = ["flowchart LR"]
    for name, node, pruned in _numbered(drawings):
        lines.append(f'    {name}["{_escaped(node)}"]' + ":::pruned" * pruned)
    for source, target, weight, pruned in _arrows(drawings):
        label = "" if weight is None else f'|"{weight:.2f}"|'
        lines.append(f"    {source} {'-.->' if pruned else '-->'}{label} {target}")
    lines.append("    classDef pruned stroke-dasharray: 4 4,opacity: 0.6")
    return "\n".join(lines) + "\n"


def dot(drawings: Sequence[Drawing]) -> str:
    """Return a graph in the language of Graphviz; a pruned part is dashed."""
    lines = ["digraph architecture {", "    rankdir=LR", '    node [shape=box, style="rounded"]']
    for name, label, pruned in _numbered(drawings):
        style = ', style="rounded,dashed"' if pruned else ""
        lines.append(f"    {name} [label={json.dumps(printable(label), ensure_ascii=False)}{style}]")
    for source, target, weight, pruned in _arrows(drawings):
        width = "" if weight is None else f' penwidth={max(5 * weight, 0.5):.2f} label="{weight:.2f}"'
        style = " style=dashed" if pruned else ""
        lines.append(f"    {source} -> {target} [{(width + style).strip()}]")
    return "\n".join([*lines, "}"]) + "\n"


def as_json(drawings: Sequence[Drawing]) -> str:
    """Return nodes and edges as JSON, one object for each network."""
    return json.dumps([asdict(drawing) for drawing in drawings], indent=2) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Drawing]], str]] = {
    "svg": lambda drawings: standalone(drawings[0]),
    "mermaid": mermaid,
    "dot": dot,
    "json": as_json,
}
"""Name -> function that returns the text of a file; SVG shows the first member of an ensemble."""


def _numbered(drawings: Sequence[Drawing]) -> Iterator[tuple[str, str, bool]]:
    """Yield a safe name, the label, and whether the part is pruned."""
    for d, drawing in enumerate(drawings):
        for n, node in enumerate(drawing.nodes):
            yield f"n{d}_{n}", node.label, node.pruned


def _arrows(drawings: Sequence[Drawing]) -> Iterator[tuple[str, str, float | None, bool]]:
    for d, drawing in enumerate(drawings):
        names = {node.name: f"n{d}_{n}" for n, node in enumerate(drawing.nodes)}
        for edge in drawing.edges:
            yield names[edge.source], names[edge.target], edge.weight, edge.pruned


def _escaped(label: str) -> str:
    """Return a label with the escapes of Mermaid for its own signs."""
    escapes = {'"': "#quot;", "<": "#lt;", ">": "#gt;", "#": "#35;", "\n": " "}
    return "".join(escapes.get(sign, sign) for sign in printable(label))
