"""Charts as SVG, drawn by Vega-Lite.

The SVG is made when the report is written, so that the page needs no script and no network for it, prints
as it is shown, and takes its colours from the style sheet of the page. Each mark has a title, which a browser
shows on hover, and a screen reader reads.
"""

import re
from typing import Any
from xml.etree import ElementTree

import vl_convert
from markupsafe import Markup

from automtl_core.errors import printable
from automtl_core.views.plain import WIDE
from automtl_core.views.values import Bars, Curves, Plot

WIDTH, HEIGHT, ROW = 280, 160, 20
"""Size of a chart without its axes, and of a row of bars, in pixels."""
COLOURS = 8
"""Number of colours of the style sheet, `--c1` and so on."""
SVG = "http://www.w3.org/2000/svg"
CONFIG = {
    "font": "system-ui, sans-serif",
    "background": None,
    "padding": {"left": 10, "right": 10, "top": 4, "bottom": 4},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "labelLimit": 125,
        "labelOverlap": True,
        "titleLimit": WIDTH,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "labelFontSize": 11,
        "title": None,
        "orient": "bottom",
        "columns": 2,
        "labelLimit": 110,
        "symbolStrokeWidth": 3,
    },
}

ElementTree.register_namespace("", SVG)
Spec = dict[str, Any]


def chart(block: Curves | Bars | Plot) -> Markup:
    """Return a chart as an SVG element."""
    match block:
        case Curves():
            spec, title = _curves(block), f"{block.title}: {block.y} by {block.x}"
        case Bars():
            spec, title = _bars(block), f"{block.title}: {block.measure}"
        case Plot():
            spec, title = _plot(block), f"{block.y} by {block.x}"
    drawn = vl_convert.vegalite_to_svg({"$schema": SCHEMA, "config": CONFIG, **spec}, vl_version="5.20")
    return _accessible(drawn, title)


SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def colour(place: int) -> str:
    """Return the colour of the line or part at a place; colours repeat."""
    return f"var(--c{place % COLOURS + 1})"


def _curves(block: Curves) -> Spec:
    labels = {label: printable(label) for label in block.lines}
    points = [{"x": x, "y": y, "line": labels[label]} for label, line in block.lines.items() for x, y in line]
    marks = [{"x": x, "label": printable(label)} for label, x in block.marks.items()]
    intervals = [{"x": x, "low": low, "high": high} for x, low, high in block.intervals]
    x, y = _axis("x", block.x), {**_axis("y", block.y), "scale": {"zero": False}}
    scale = {"domain": list(labels.values()), "range": [colour(k) for k in range(len(labels))]}
    shown: Spec = {} if len(labels) > 1 else {"legend": None}
    tooltip = [
        {"field": "line", "title": "line"},
        {"field": "x", "title": block.x},
        {"field": "y", "title": block.y, "format": ".4f"},
    ]
    few = all(len(line) <= 40 for line in block.lines.values())
    layers: list[Spec] = [
        {
            "data": {"values": marks},
            "mark": {"type": "rule", "strokeDash": [3, 3], "color": "var(--soft)"},
            "encoding": {"x": x, "description": {"field": "label"}},
        },
        {
            "data": {"values": intervals},
            "mark": {"type": "rule", "color": colour(0), "opacity": 0.5, "strokeWidth": 2},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": {"values": points},
            "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 22} if few else False},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "line", "type": "nominal", "scale": scale, **shown},
                "tooltip": tooltip,
            },
        },
    ]
    used = [layer for layer in layers if layer["data"]["values"]]
    return {"width": WIDTH, "height": HEIGHT, "layer": used}


def _bars(block: Bars) -> Spec:
    form = block.form.replace("z", "")
    rows = [
        {
            "label": printable(bar.label),
            "place": place,
            "value": bar.value,
            "text": f"{bar.value:{block.form}}",
            "low": bar.low,
            "high": bar.high,
            "strong": bar.strong,
        }
        for place, bar in enumerate(block.bars)
    ]
    order = list(dict.fromkeys(row["label"] for row in rows))
    y = {"field": "label", "type": "nominal", "sort": order, "axis": {"title": None, "ticks": False}}
    scale = {"zero": block.from_zero, "nice": True}
    x = {"field": "value", "type": "quantitative", "title": printable(block.measure), "scale": scale,
         "axis": {"format": form, "tickCount": 4}}  # fmt: skip
    opacity = {"condition": {"test": "datum.strong", "value": 1}, "value": 0.4}
    tooltip = [{"field": "label"}, {"field": "text", "title": block.measure}]
    bounds = {"field": "low", "type": "quantitative"}, {"field": "high"}
    mark: Spec = (
        {"type": "bar", "height": {"band": 0.55}}
        if block.from_zero
        else {"type": "point", "filled": True, "size": 70}
    )
    layers: list[Spec] = [
        {
            "mark": {**mark, "color": colour(0)},
            "encoding": {"y": y, "x": x, "opacity": opacity, "tooltip": tooltip},
        },
        {
            "transform": [{"filter": "datum.low !== null"}],
            "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5},
            "encoding": {"y": y, "x": {**x, **bounds[0]}, "x2": bounds[1]},
        },
    ]
    return {
        "width": WIDTH - 80,
        "height": {"step": ROW},
        "data": {"values": rows},
        "layer": layers,
    }


def _plot(block: Plot) -> Spec:
    points = [{"label": printable(label), "x": x, "y": y} for label, (x, y) in block.points.items()]
    across = [x for x, _ in block.points.values()]
    kind = "log" if max(across) / min(across) >= WIDE else "linear"
    x = {**_axis("x", block.x), "scale": {"type": kind, "zero": False, "nice": True, "padding": 12},
         "axis": {"format": "~s", "tickCount": 5}}  # fmt: skip
    y = {**_axis("y", block.y), "scale": {"zero": False, "padding": 12}}
    tooltip = [
        {"field": "label"},
        {"field": "x", "title": block.x, "format": ","},
        {"field": "y", "title": block.y, "format": ".4f"},
    ]
    strong = {"condition": {"test": "indexof(datum.label, '*') >= 0", "value": colour(1)}, "value": colour(0)}
    return {
        "width": 2 * WIDTH,
        "height": 1.5 * HEIGHT,
        "data": {"values": points},
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": {"type": "point", "filled": True, "size": 60},
             "encoding": {"tooltip": tooltip, "color": strong}},
            {"mark": {"type": "text", "dy": -10, "fontSize": 11, "color": "var(--ink)", "limit": 120},
             "encoding": {"text": {"field": "label"}}},
        ],
    }  # fmt: skip


def _axis(name: str, title: str) -> Spec:
    return {"field": name, "type": "quantitative", "title": printable(title)}


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
        elif label and element.tag == f"{{{SVG}}}path":
            element.insert(0, _titled(label))
    width = float(root.attrib.pop("width"))
    root.attrib.pop("height")
    root.set("style", f"max-width:{width:.0f}px")
    root.set("role", "img")
    root.set("aria-label", printable(title))
    text = ElementTree.tostring(root, encoding="unicode")
    return Markup(_ROUND.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), text))  # noqa: S704 - XML


_ROUND = re.compile(r"(?<![\w.])-?\d+\.\d{3,}(?![\w.])")
"""Coordinates with more digits than a screen shows."""


def _titled(label: str) -> ElementTree.Element:
    title = ElementTree.Element(f"{{{SVG}}}title")
    title.text = label
    return title
