"""Charts as HTML and SVG that fill their column at any width.

Texts and marks are HTML, so that they keep their size. Values stand in the rows of a table. Lines are SVG in
a square of 100 by 100 that is stretched to its box; strokes keep their widths. The chosen one has the accent
of the page, others differ by marks and dashes. Each mark has a title, which the page shows on demand.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from math import ceil, floor, log10
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from automtl_core.errors import on_one_line, printable
from automtl_inspection.sections import Bar, Bars, Block, Curves

MARKS = 6
"""Number of marks of the style sheet beside that of the chosen one, `m1` and so on; marks repeat."""
LONG = 20
"""Number of characters from which a name may break in two lines."""
TICKS = 6
"""Largest number of intervals between the ticks of an axis."""


def chart(block: Curves | Bars) -> Markup:
    """Return a chart as HTML, without its legend."""
    return _curves(block) if isinstance(block, Curves) else _bars(block)


def legend(block: Block) -> Markup:
    """Return the legend of a chart; nothing for one that needs none."""
    styles = _styles(block) if isinstance(block, Curves | Bars) else {}
    marks = dict.fromkeys(block.marks, "dashed") if isinstance(block, Curves) else {}
    needed = len(styles) + len(marks) > 1 or (isinstance(block, Bars) and "" not in styles)
    return macro("legend", {**styles, **marks}) if needed else Markup()


def _styles(block: Curves | Bars) -> dict[str, str]:
    """Return the class of each line or series: `m0` for the chosen one."""
    names = list(block.lines) if isinstance(block, Curves) else list(dict.fromkeys(b.of for b in block.bars))
    chosen = next(iter(names), "") if block.chosen is None else block.chosen
    others = [name for name in names if name not in (chosen, getattr(block, "reference", ""))]
    styles = {name: f"m{k % MARKS + 1}" for k, name in enumerate(others)}
    return {name: "m0" if name == chosen else styles.get(name, "dashed") for name in names}


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
    axis, styles = Axis.of([*ends, *block.within], 0.04), _styles(block)
    rows: dict[str, list[tuple[Bar, str]]] = {}
    for bar in block.bars:
        rows.setdefault(bar.label, []).append((bar, styles[bar.of]))
    return macro("bars", block, axis, axis.ticks(), rows)


def _curves(block: Curves) -> Markup:
    points = [point for line in block.lines.values() for point in line]
    across = [*(x for x, _ in points), *block.marks.values(), *(x for x, *_ in block.intervals)]
    heights = [*(y for _, y in points), *(end for _, *ends in block.intervals for end in ends)]
    ratios = block.logarithmic and max(across) >= 8 * min(across) > 0
    x, y = Axis.of(across, 0.02, ratios), Axis.of(heights)
    lines = [("dashed", f"M{x.place(at)} 0V100", f"{label}: {at:g}") for label, at in block.marks.items()]
    chosen = [at for at, _ in next(iter(block.lines.values()), ())]
    for at, low, high in block.intervals:
        upright = f"M{x.place(at)} {100 - y.place(low):.2f}V{100 - y.place(high):.2f}"
        lines.append((f"interval {'m0' if at in chosen else 'm1'}", upright, f"[{low:.4f}, {high:.4f}]"))
    dots, styles = list[tuple[str, float, float, str]](), _styles(block)
    for label, line in list(block.lines.items())[::-1]:  # the chosen one above the others
        ends = [f"{x.place(a)} {100 - y.place(b):.2f}" for a, b in line]
        lines.append((f"line {styles[label]}", "M" + "L".join(ends), ""))
        # Each point can be asked for its value, but many would hide the line.
        kind = styles[label] + " hidden" * (len(line) > 40) + " mark" * (len(line) == 1)
        told = [(kind, x.place(a), y.place(b), f"{label}, {block.x} {a:,g}: {b:.4f}") for a, b in line]
        dots += told if label != block.reference else []
    columns = x.ticks(whole=all(value == int(value) for value in across))
    title = f"{block.title}: {block.y} by {block.x}"
    return macro("framed", block, x, y, columns, y.ticks(), title, lines, dots)


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
    breakable = partial(re.sub, r"[_/:*](?=\w)", r"\g<0><wbr>")
    return Markup(re.sub(rf"\S{{{LONG},}}", lambda name: breakable(name[0]), safe))  # noqa: S704 - it is escaped


def spoken(text: str) -> Markup:
    """Return the text of a title or of an attribute."""
    return escape(on_one_line(text))
