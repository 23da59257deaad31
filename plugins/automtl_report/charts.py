"""Charts as SVG, drawn by Vega-Lite.

The specifications are in `charts.json`, where `$name` stands for a value of a chart. The SVG is made when
the report is written, so that the page needs no script and no network for it, prints as it is shown, and
takes its colours from the style sheet of the page. Each mark has a title, which a browser shows on hover,
and a screen reader reads.
"""

import json
import re
from functools import cache
from importlib import resources
from typing import Any
from xml.etree import ElementTree

import vl_convert
from markupsafe import Markup

from automtl_core.errors import printable
from automtl_core.views.values import Bar, Bars, Curves, Plot

COLOURS = 8
"""Number of colours of the style sheet, `--c1` and so on."""
SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)


def chart(block: Curves | Bars | Plot) -> Markup:
    """Return a chart as an SVG element."""
    match block:
        case Curves():
            kind, values, title = "curves", _curves(block), f"{block.title}: {block.y} by {block.x}"
        case Bars():
            kind, values, title = "bars", _bars(block), f"{block.title}: {block.measure}"
        case Plot():
            kind, values, title = "plot", _plot(block), f"{block.y} by {block.x}"
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _specs()["config"]}
    spec |= _filled(_specs()[kind], values)
    spec["layer"] = [layer for layer in spec["layer"] if layer.get("data", {}).get("values") != []]
    return _accessible(vl_convert.vegalite_to_svg(spec, vl_version="5.20"), title)


def colour(place: int) -> str:
    """Return the colour of the line or part at a place; colours repeat."""
    return f"var(--c{place % COLOURS + 1})"


@cache
def _specs() -> dict[str, Any]:
    return dict(json.loads((resources.files("automtl_report") / "charts.json").read_text(encoding="utf-8")))


def _filled(node: Any, values: dict[str, Any]) -> Any:
    """Return a part of a specification with values in place of their names."""
    match node:
        case dict():
            return {key: _filled(item, values) for key, item in node.items()}
        case list():
            return [_filled(item, values) for item in node]
        case str() if node.startswith("$"):
            return values[node[1:]]
    return node


def _curves(block: Curves) -> dict[str, Any]:
    labels, across = {label: printable(label) for label in block.lines}, printable(block.x)
    paints = ["var(--soft)" if label == block.reference else colour(k) for k, label in enumerate(labels)]
    legend = {} if len(labels) > 1 else {"legend": None}
    scale = {"domain": list(labels.values()), "range": paints}
    return {
        "x": across,
        "y": printable(block.y),
        "points": [
            {"x": x, "y": y, "line": labels[label], "words": f"{labels[label]}, {across} {x:g}: {y:.4f}"}
            for label, line in block.lines.items()
            for x, y in line
        ],
        "marks": [{"x": x, "words": f"{printable(label)}: {x:g}"} for label, x in block.marks.items()],
        "intervals": [
            {"x": x, "low": low, "high": high, "words": f"[{low:.4f}, {high:.4f}]"}
            for x, low, high in block.intervals
        ],
        "reference": {"field": "line", "equal": labels.get(block.reference, "")},
        "colour": {"field": "line", "type": "nominal", "scale": scale, **legend},
        # Many points would cover the line, but can still be hovered over.
        "opacity": int(all(len(line) <= 40 for line in block.lines.values())),
    }


def _bars(block: Bars) -> dict[str, Any]:
    bar = {"type": "bar", "height": {"band": 0.55}}
    mark = bar if block.from_zero else {"type": "point", "filled": True, "size": 70}
    rows = [{**vars(b), "label": printable(b.label), "words": _words(b, block.form)} for b in block.bars]
    return {
        "x": printable(block.measure),
        "rows": rows,
        "order": list(dict.fromkeys(row["label"] for row in rows)),
        "zero": block.from_zero,
        "form": block.form.replace("z", ""),
        "mark": {**mark, "color": colour(0)},
    }


def _words(bar: Bar, form: str) -> str:
    known = bar.low is not None and bar.high is not None
    interval = f" [{bar.low:{form}}, {bar.high:{form}}]" if known else ""
    return f"{printable(bar.label)}: {bar.value:{form}}{interval}"


def _plot(block: Plot) -> dict[str, Any]:
    across = [x for x, _ in block.points.values()]
    return {
        "x": printable(block.x),
        "y": printable(block.y),
        "scale": "log" if max(across) >= 8 * min(across) else "linear",
        "points": [
            {"label": printable(label), "x": x, "y": y, "words": f"{printable(label)}: {x:,.0f}, {y:.4f}"}
            for label, (x, y) in block.points.items()
        ],
    }


def _accessible(drawn: str, title: str) -> Markup:
    """Return an SVG that scales with the page, with a title for itself and for each mark with a label."""
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own renderer wrote it
    parents = {child: parent for parent in root.iter() for child in parent}
    for element in list(root.iter()):
        label = element.attrib.pop("aria-label", None)
        for key in ("role", "aria-roledescription", "aria-hidden", "class", "pointer-events"):
            element.attrib.pop(key, None)
        if element.get("display") == "none" or (element.tag == f"{{{SVG}}}path" and not element.get("d")):
            parents[element].remove(element)
        elif label and element.tag in (f"{{{SVG}}}path", f"{{{SVG}}}line"):
            name = ElementTree.Element(f"{{{SVG}}}title")
            name.text = label
            element.insert(0, name)
    width = float(root.attrib.pop("width"))
    root.attrib.pop("height")
    root.set("style", f"max-width:{width:.0f}px")
    root.set("role", "img")
    root.set("aria-label", printable(title))
    for element in root.iter():
        for key in {"d", "transform", "x", "y", "x2", "y2", "width", "height"}.intersection(element.keys()):
            # Coordinates have more digits than a screen shows.
            number = r"(?<![\w.])-?\d+\.\d{3,}(?![\w.])"
            short = re.sub(
                number, lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), element.attrib[key]
            )
            element.set(key, short)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - XML
