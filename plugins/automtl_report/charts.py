"""Charts as HTML and SVG that fill their column at any width.

Texts are HTML, so that they keep their size. Bars are boxes in the rows of a table. Lines are SVG in a square
of 100 by 100 that is stretched to its box; strokes and points keep their widths. Colours come from the style
sheet of the page, and each mark has a title, which a browser shows on hover.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import ceil, floor, log10
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from automtl_core.errors import on_one_line, printable
from automtl_inspection.sections import Bars, Curves

COLOURS = 8
"""Number of colours of the style sheet, `--c1` and so on."""
LETTERS = 30
"""Number of letters from which the label of a bar is broken."""
LONG = 20
"""Number of characters from which a name may break in two lines."""
TICKS = 6
"""Largest number of intervals between the ticks of an axis."""


def chart(block: Curves | Bars) -> Markup:
    """Return a chart as HTML."""
    return _curves(block) if isinstance(block, Curves) else _bars(block)


def colour(place: int) -> str:
    """Return the colour of the line or part at a place; colours repeat."""
    return f"var(--c{place % COLOURS + 1})"


@dataclass(frozen=True)
class Axis:
    """The range of an axis.

    Args:
        low: Its lower end.
        high: Its upper end, above `low`.
        logarithmic: Whether equal ratios have equal lengths.

    """

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, values: Sequence[float], margin: float = 0.05, logarithmic: bool = False) -> "Axis":
        """Return the axis of some values, with a margin on both sides as a share of its length."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        if logarithmic:
            return cls(low * (low / high) ** margin / 1.1, high * (high / low) ** margin * 1.1, True)
        wide = (high - low) * margin if high > low else abs(high) * 0.1 or 1.0
        return cls(low - wide, high + wide)

    def place(self, value: float) -> float:
        """Return the place of a value in per cent of the length."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = log10(low), log10(high), log10(value)
        return round(100 * (value - low) / (high - low), 2)

    def ticks(self, whole: bool = False) -> list[tuple[float, str]]:
        """Return round values with their labels; whole ones on request."""
        if self.logarithmic:
            powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            for factors in ((1, 2, 5), (1, 3), (1,)):
                some = [f * 10.0**p for p in powers for f in factors if self.low <= f * 10.0**p <= self.high]
                if len(some) <= TICKS + 1:
                    break
            if len(some) > 1:
                return [(value, _short(value)) for value in some[:: ceil(len(some) / (TICKS + 1))]]
        rough = (self.high - self.low) / TICKS
        power = 10.0 ** floor(log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        step = max(step, 1.0) if whole else step
        decimals = max(0, -floor(log10(step) + 1e-9))
        values = [k * step for k in range(ceil(self.low / step), floor(self.high / step) + 1)]
        return [(value, _short(value, decimals)) for value in values]


def _short(value: float, decimals: int = 0) -> str:
    """Return the label of a tick; large numbers have a unit."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.{decimals}f}" if decimals or value == int(value) else f"{value:g}"


def _bars(block: Bars) -> Markup:
    ends = [end for b in block.bars for end in (b.value, b.low, b.high) if end is not None]
    axis = Axis.of([*ends, *([0.0] if block.from_zero else [])], 0.0 if block.from_zero else 0.06)
    letters = min(max((len(bar.label) for bar in block.bars), default=0), LETTERS) + 2
    interval = ", 95 % interval" * any(bar.low is not None for bar in block.bars)
    return macro("bars", block, axis, letters, interval)


def _curves(block: Curves) -> Markup:
    points = [point for line in block.lines.values() for point in line]
    across = [*(x for x, _ in points), *block.marks.values(), *(x for x, *_ in block.intervals)]
    heights = [*(y for _, y in points), *(end for _, *ends in block.intervals for end in ends)]
    ratios = block.logarithmic and max(across) >= 8 * min(across) > 0
    x, y = Axis.of(across, 0.02, ratios), Axis.of(heights)
    whole = all(value == int(value) for value in across)
    marks, keys = list[tuple[str, str, str, str]](), list[tuple[str, str, str]]()
    for label, at in block.marks.items():
        marks.append(("dashed", f"M{x.place(at)} 0V100", "var(--soft)", f"{label}: {at:g}"))
        keys.append((label, "var(--soft)", "dashed"))
    for at, low, high in block.intervals:
        upright = f"M{x.place(at)} {100 - y.place(low):.2f}V{100 - y.place(high):.2f}"
        marks.append(("interval", upright, "var(--c1)", f"[{low:.4f}, {high:.4f}]"))
    for place, (label, line) in enumerate(block.lines.items()):
        reference = label == block.reference
        paint, kind = ("var(--soft)", "dashed") if reference else (colour(place), "line")
        ends = [(x.place(a), round(100 - y.place(b), 2)) for a, b in line]
        marks.append((kind, "M" + "L".join(f"{a} {b}" for a, b in ends), paint, ""))
        # Each point can be hovered over, but many would hide the line.
        dots = "point hidden" if len(line) > 40 else "point mark" if len(line) == 1 else "point"
        for (a, b), (left, up) in zip(line, ends, strict=True):
            if not reference:
                marks.append((dots, f"M{left} {up}h0", paint, f"{label}, {block.x} {a:,g}: {b:.4f}"))
        keys.append((label, paint, kind))
    title, legend = f"{block.title}: {block.y} by {block.x}", keys if len(keys) > 1 else []
    return macro("framed", block, x, y, x.ticks(whole), y.ticks(), title, marks, legend)


def template(name: str, **filters: Callable[[Any], object]) -> Template:
    """Return a template of this package, which escapes all values."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters.update(legible=legible, spoken=spoken, **filters)
    environment.globals.update(format=format, zip=zip)
    return environment.from_string((resources.files("automtl_report") / name).read_text(encoding="utf-8"))


@cache
def _macros() -> Any:
    return template("charts.html").module


def macro(name: str, *values: object) -> Markup:
    """Return what a macro of `charts.html` draws."""
    drawing: Markup = getattr(_macros(), name)(*values)
    return drawing


def legible(text: str) -> Markup:
    """Return a text as HTML: it cannot change the page, and its control characters are visible."""
    safe = str(escape(printable(text)))
    return Markup(re.sub(rf"\S{{{LONG},}}", _breakable, safe))  # noqa: S704 - it is escaped


def _breakable(name: re.Match[str]) -> str:
    """Return a long name with the places where it may break."""
    return re.sub(r"[_/:*](?=\w)", r"\g<0><wbr>", name[0])


def spoken(text: str) -> Markup:
    """Return the text of a title or of an attribute."""
    return escape(on_one_line(text))
