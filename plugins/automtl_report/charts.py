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
from automtl_core.views.values import Bar, Bars, Curves, Plot

POINTS = 40
"""Maximum number of visible points of a line."""
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

WORDS = {"description": {"field": "words"}}
"""Encoding of the words that a browser shows on hover."""
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
    points = [
        {
            "x": x,
            "y": y,
            "line": labels[label],
            "words": f"{labels[label]}, {printable(block.x)} {x:g}: {y:.4f}",
        }
        for label, line in block.lines.items()
        for x, y in line
    ]
    marks = [{"x": x, "words": f"{printable(label)}: {x:g}"} for label, x in block.marks.items()]
    intervals = [
        {"x": x, "low": low, "high": high, "words": f"[{low:.4f}, {high:.4f}]"}
        for x, low, high in block.intervals
    ]
    x, y = _axis("x", block.x), {**_axis("y", block.y), "scale": {"zero": False}}
    reference = {"field": "line", "equal": labels.get(block.reference, "")}
    paints = ["var(--soft)" if label == block.reference else colour(k) for k, label in enumerate(labels)]
    scale = {"domain": list(labels.values()), "range": paints}
    shown: Spec = {} if len(labels) > 1 else {"legend": None}
    painted = {"x": x, "y": y, "color": {"field": "line", "type": "nominal", "scale": scale, **shown}}
    # Many points would cover the line, but can still be hovered over.
    few = all(len(line) <= POINTS for line in block.lines.values())
    layers: list[Spec] = [
        {
            "data": {"values": marks},
            "mark": {"type": "rule", "strokeDash": [3, 3], "color": "var(--soft)"},
            "encoding": {"x": x, **WORDS},
        },
        {
            "data": {"values": intervals},
            "mark": {"type": "rule", "color": colour(0), "opacity": 0.5, "strokeWidth": 2},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, **WORDS},
        },
        {
            "data": {"values": points},
            "mark": {"type": "line", "strokeWidth": 2, "aria": False},
            "encoding": {
                **painted,
                "strokeDash": {"condition": {"test": reference, "value": [4, 4]}, "value": [1, 0]},
            },
        },
        {
            "data": {"values": points},
            "transform": [{"filter": {"not": reference}}],
            "mark": {"type": "point", "filled": True, "size": 22, "opacity": 1 if few else 0},
            "encoding": {**painted, **WORDS},
        },
    ]
    used = [layer for layer in layers if layer["data"]["values"]]
    return {"width": WIDTH, "height": HEIGHT, "layer": used}


def _bars(block: Bars) -> Spec:
    form = block.form
    rows = [
        {
            "label": printable(bar.label),
            "value": bar.value,
            "words": f"{printable(bar.label)}: {bar.value:{form}}{_interval(bar, form)}",
            "low": bar.low,
            "high": bar.high,
            "strong": bar.strong,
        }
        for bar in block.bars
    ]
    order = list(dict.fromkeys(row["label"] for row in rows))
    y = {"field": "label", "type": "nominal", "sort": order, "axis": {"title": None, "ticks": False}}
    x = {
        **_axis("value", block.measure),
        "scale": {"zero": block.from_zero, "nice": True},
        "axis": {"format": form.replace("z", ""), "tickCount": 4},
    }
    opacity = {"condition": {"test": "datum.strong", "value": 1}, "value": 0.4}
    bar: Spec = {"type": "bar", "height": {"band": 0.55}}
    mark = bar if block.from_zero else {"type": "point", "filled": True, "size": 70}
    layers: list[Spec] = [
        {"mark": {**mark, "color": colour(0)}, "encoding": {"y": y, "x": x, "opacity": opacity, **WORDS}},
        {
            "transform": [{"filter": "datum.low !== null"}],
            "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5},
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, **WORDS},
        },
    ]
    return {"width": WIDTH - 80, "height": {"step": ROW}, "data": {"values": rows}, "layer": layers}


def _plot(block: Plot) -> Spec:
    points = [
        {"label": printable(label), "x": x, "y": y, "words": f"{printable(label)}: {x:,.0f}, {y:.4f}"}
        for label, (x, y) in block.points.items()
    ]
    across = [x for x, _ in block.points.values()]
    kind = "log" if max(across) / min(across) >= WIDE else "linear"
    x = {
        **_axis("x", block.x),
        "scale": {"type": kind, "zero": False, "nice": True, "padding": 12},
        "axis": {"format": "~s", "tickCount": 5},
    }
    y = {**_axis("y", block.y), "scale": {"zero": False, "padding": 12}}
    chosen = {"condition": {"test": "indexof(datum.label, '*') >= 0", "value": colour(1)}, "value": colour(0)}
    layers: list[Spec] = [
        {"mark": {"type": "point", "filled": True, "size": 60}, "encoding": {"color": chosen, **WORDS}},
        {
            "mark": {"type": "text", "dy": -10, "fontSize": 11, "color": "var(--ink)", "limit": 120},
            "encoding": {"text": {"field": "label"}},
        },
    ]
    return {
        "width": 2 * WIDTH,
        "height": 1.5 * HEIGHT,
        "data": {"values": points},
        "encoding": {"x": x, "y": y},
        "layer": layers,
    }


def _interval(bar: Bar, form: str) -> str:
    return "" if bar.low is None or bar.high is None else f" [{bar.low:{form}}, {bar.high:{form}}]"


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
        elif label and element.tag in (f"{{{SVG}}}path", f"{{{SVG}}}line"):
            element.insert(0, _titled(label))
    width = float(root.attrib.pop("width"))
    root.attrib.pop("height")
    root.set("style", f"max-width:{width:.0f}px")
    root.set("role", "img")
    root.set("aria-label", printable(title))
    for element in root.iter():
        for key in GEOMETRY.intersection(element.keys()):
            element.set(key, _DIGITS.sub(_rounded, element.attrib[key]))
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - XML


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


GEOMETRY = {"d", "transform", "x", "y", "x2", "y2", "width", "height"}
"""Attributes with coordinates."""
_DIGITS = re.compile(r"(?<![\w.])-?\d+\.\d{3,}(?![\w.])")
"""Coordinates with more digits than a screen shows."""


def _titled(label: str) -> ElementTree.Element:
    title = ElementTree.Element(f"{{{SVG}}}title")
    title.text = label
    return title
