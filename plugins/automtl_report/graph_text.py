"""The drawing of a network as text for other tools: Mermaid, Graphviz DOT and JSON."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

from automtl_core.errors import printable
from automtl_core.views.values import Drawing
from automtl_report.svg import standalone


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
