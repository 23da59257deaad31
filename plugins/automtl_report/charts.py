"""Charts as HTML and SVG that fill their column at any width.

Texts are HTML, so that they keep their size. Bars are boxes in the rows of a table. Lines are SVG in a square
of 100 by 100 that is stretched to its box; strokes and points keep their widths. Colours come from the style
sheet of the page, and each mark has a title, which a browser shows on hover.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log10

from markupsafe import Markup, escape

from automtl_core.errors import on_one_line, printable
from automtl_core.views.values import Bar, Bars, Curves, Plot

COLOURS = 8
"""Number of colours of the style sheet, `--c1` and so on."""
LETTERS = 30
"""Number of letters from which the label of a bar is broken."""
LONG = 20
"""Number of characters from which a name may break in two lines."""
TICKS = 6
"""Largest number of intervals between the ticks of an axis."""


def chart(block: Curves | Bars | Plot) -> Markup:
    """Return a chart as HTML."""
    match block:
        case Curves():
            return _curves(block)
        case Bars():
            return _bars(block)
        case Plot():
            return _plot(block)


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
    rows = Markup("").join(_bar(bar, axis, block) for bar in block.bars)
    letters = min(max((len(bar.label) for bar in block.bars), default=0), LETTERS) + 2
    table = Markup('<p class="axis">{}</p><table class="bars" style="--l:{}ch"><tbody>{}</tbody></table>')
    interval = ", 95 % interval" * any(bar.low is not None for bar in block.bars)
    return table.format(legible(block.measure + interval), letters, rows)


def _bar(bar: Bar, axis: Axis, block: Bars) -> Markup:
    at, known = axis.place(bar.value), bar.low is not None and bar.high is not None
    interval = f" [{bar.low:{block.form}}, {bar.high:{block.form}}]" if known else ""
    words, marks = f"{bar.value:{block.form}}", []
    if block.from_zero:
        zero = axis.place(0)
        marks += [Markup('<b style="left:{}%;width:{:.2f}%"></b>').format(min(zero, at), abs(at - zero))]
        marks += [Markup('<s style="left:{}%"></s>').format(zero)] if 0 < zero < 100 else []
    if bar.low is not None and bar.high is not None:
        left, right = axis.place(bar.low), axis.place(bar.high)
        marks.append(Markup('<i style="left:{}%;width:{:.2f}%"></i>').format(left, right - left))
    if not block.from_zero:
        marks.append(Markup('<u style="left:{}%"></u>').format(at))
    return Markup(
        '<tr{} title="{}"><th scope="row">{}</th><td><div>{}</div></td><td class="r">{}</td></tr>'
    ).format(
        Markup("") if bar.strong else Markup(' class="pale"'),
        spoken(f"{bar.label}: {words}{interval}"),
        legible(bar.label),
        Markup("").join(marks),
        words,
    )


def _curves(block: Curves) -> Markup:
    points = [point for line in block.lines.values() for point in line]
    across = [*(x for x, _ in points), *block.marks.values(), *(x for x, *_ in block.intervals)]
    heights = [*(y for _, y in points), *(end for _, *ends in block.intervals for end in ends)]
    x, y, whole = Axis.of(across, 0.02), Axis.of(heights), all(value == int(value) for value in across)
    marks, legend = [], []
    for label, at in block.marks.items():
        place = x.place(at)
        marks.append(_path(f"M{place} 0V100", "var(--soft)", [f"{label}: {at:g}"], "dashed"))
        legend.append(_key(label, "var(--soft)", "dashed"))
    for at, low, high in block.intervals:
        upright = f"M{x.place(at)} {100 - y.place(low):.2f}V{100 - y.place(high):.2f}"
        marks.append(_path(upright, "var(--c1)", [f"[{low:.4f}, {high:.4f}]"], "interval"))
    for place, (label, line) in enumerate(block.lines.items()):
        reference = label == block.reference
        paint, kind = ("var(--soft)", "dashed") if reference else (colour(place), "line")
        drawn = [(x.place(a), round(100 - y.place(b), 2)) for a, b in line]
        marks.append(_path("M" + "L".join(f"{a} {b}" for a, b in drawn), paint, [], kind))
        # Each point can be hovered over, but many would hide the line.
        dots = "point" if len(line) <= 40 else "point hidden"
        for (a, b), (left, up) in zip(line, drawn, strict=True):
            if not reference:
                said = [f"{label}, {block.x} {a:g}: {b:.4f}"]
                marks.append(_path(f"M{left} {up}h0", paint, said, dots))
        legend.append(_key(label, paint, kind))
    shown = legend if len(legend) > 1 else []
    return _framed(block, x, y, whole, f"{block.title}: {block.y} by {block.x}", marks, [], shown)


def _plot(block: Plot) -> Markup:
    across = [a for a, _ in block.points.values() if a < inf]
    x = Axis.of(across, 0.06, logarithmic=max(across) >= 8 * min(across) > 0)
    y, over, legend = Axis.of([b for _, b in block.points.values()], 0.1), [], []
    for number, (label, (a, b)) in enumerate(block.points.items(), 1):
        kind, words = ("chosen", f"{label}, chosen") if label == block.chosen else ("", label)
        at = f"{a:,.0f}" if a < inf else "unknown"
        words += f", {block.x} unknown: at the right" * (a == inf)
        over.append(
            Markup('<b class="{}" style="left:{}%;bottom:{}%" title="{}">{}</b>').format(
                kind, x.place(min(a, x.high)), y.place(b), spoken(f"{label}: {at}, {b:.4f}"), number
            )
        )
        legend.append(Markup('<li><b class="{}">{}</b>{}</li>').format(kind, number, legible(words)))
    # The first point is never covered by another one.
    return _framed(block, x, y, False, f"{block.y} by {block.x}", [], over[::-1], legend)


def _framed(
    block: Curves | Plot,
    x: Axis,
    y: Axis,
    whole: bool,
    title: str,
    marks: Iterable[Markup],
    over: Iterable[Markup],
    legend: Sequence[Markup],
) -> Markup:
    """Return marks with axes, their titles, and a legend.

    Args:
        block: The chart, for the titles of its axes.
        x: Horizontal axis.
        y: Vertical axis.
        whole: Whether the horizontal axis has whole numbers only.
        title: The chart in words.
        marks: Parts of the SVG.
        over: Marks above it.
        legend: Entries of the legend.

    """
    rows, columns = y.ticks(), x.ticks(whole)
    grid = "".join(f"M0 {100 - y.place(value):.2f}H100" for value, _ in rows)
    return Markup(
        '<p class="axis">{}</p><div class="plot" style="--y:{}ch"><div class="y">{}</div>'
        '<div class="box"><svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="grid" d="{}"/>{}</svg>{}</div><div class="x">{}</div></div>'
        '<p class="axis across">{}</p>{}'
    ).format(
        legible(block.y),
        max((len(label) for _, label in rows), default=0),
        _labels(rows, y, "bottom"),
        spoken(title),
        grid,
        Markup("").join(marks),
        Markup("").join(over),
        _labels(columns, x, "left"),
        legible(block.x),
        Markup('<ul class="legend">{}</ul>').format(Markup("").join(legend)) if legend else "",
    )


def _labels(ticks: Iterable[tuple[float, str]], axis: Axis, side: str) -> Markup:
    one = Markup('<span style="{}:{}%">{}</span>')
    return Markup("").join(one.format(side, axis.place(value), label) for value, label in ticks)


def _path(line: str, paint: str, words: Sequence[str], kind: str) -> Markup:
    said = Markup("").join(Markup("<title>{}</title>").format(spoken(text)) for text in words)
    return Markup('<path class="{}" d="{}" stroke="{}">{}</path>').format(kind, line, paint, said)


def _key(label: str, paint: str, kind: str) -> Markup:
    """Return an entry of a legend, with the mark that is drawn."""
    mark = Markup(
        '<svg viewBox="0 0 24 8" aria-hidden="true"><path class="{}" d="M1 4H23" stroke="{}"/></svg>'
    )
    return Markup("<li>{}{}</li>").format(mark.format(kind, paint), legible(label))


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
