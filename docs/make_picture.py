"""Writes docs/images/first-screen.svg: cards and network of the first screen of a report.

All numbers are those of docs/demo, the record of a run of `make demo` without its weights. With the folders
of a run and of a comparison, such as `runs/demo comparisons/demo`, it also takes screenshots of their reports
by `chromium`: docs/images/report-light.png, report-dark.png and report-comparison.png.
"""

import re
import subprocess
import sys
from html import escape
from pathlib import Path

from automtl_core.registry.plugins import load_registry
from automtl_inspection.sections import Drawing, Figures
from automtl_report.charts import Axis
from automtl_report.drawing import drawn
from automtl_report.record import read_record
from automtl_report.run import chosen

HERE = Path(__file__).parent
CARD, GAP, TOP = 92, 12, 8
STYLE = """
.first { --ink: var(--color-foreground-primary, #1c2024); --soft: var(--color-foreground-muted, #565d66);
  --accent: var(--color-brand-content, #0b66a8); --paper: var(--color-background-primary, #fff);
  font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .first {
  --ink: var(--color-foreground-primary, #e8eaed); --soft: var(--color-foreground-muted, #aab1ba);
  --accent: var(--color-brand-content, #6db3ea); --paper: var(--color-background-primary, #0d1117); } }
.first text { fill: var(--ink); }
.first .soft, .first g.pruned text { fill: var(--soft); }
.first .big { font-size: 20px; font-weight: 700; }
.first rect { fill: var(--paper); stroke: var(--soft); }
.first .task rect { stroke: var(--ink); stroke-width: 1.5; }
.first .expert rect { stroke: var(--accent); stroke-width: 2; }
.first .pruned rect { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.first .edge { fill: none; stroke: var(--accent); stroke-opacity: .75; }
.first .mark { fill: var(--accent); stroke: none; }
.first path.axis { stroke: var(--soft); fill: none; }
"""


def page() -> str:
    """Return the picture as SVG."""
    sections = list(chosen(read_record(HERE / "demo", load_registry()), "first"))
    blocks = [block for section in sections for block in section.blocks]
    figures = next(block for block in blocks if isinstance(block, Figures))
    network = str(drawn(next(block for block in blocks if isinstance(block, Drawing))))
    width, height = (int(size) for size in re.findall(r'viewBox="0 0 (\d+) (\d+)"', network)[0])
    inner = re.sub(r"^<svg[^>]*><title>.*?</title>|</svg>$|<title>.*?</title>", "", network, flags=re.DOTALL)
    cards = [(name, value, note) for name, (value, note) in figures.values.items() if value]
    wide, parts = (width - GAP * (len(cards) - 1)) / len(cards), list[str]()
    for place, (name, value, note) in enumerate(cards):
        x, first = place * (wide + GAP), re.split(r", |\. ", note.replace("`", ""))[0]
        label = f"{name.capitalize()}, {first}" if name in figures.charts else name.capitalize()
        parts += [
            f'<rect x="{x + 1:.0f}" y="{TOP}" width="{wide - 2:.0f}" height="{CARD}" rx="6"/>',
            f'<text class="soft" x="{x + 14:.0f}" y="{TOP + 20}">{escape(label)}</text>',
            f'<text class="big" x="{x + 14:.0f}" y="{TOP + 46}">{escape(value)}</text>',
        ]
        if name not in figures.charts:
            parts.append(f'<text x="{x + 14:.0f}" y="{TOP + 70}">{escape(first)}</text>')
            continue
        bar, within = figures.charts[name].bars[0], figures.charts[name].within
        ends = [end for end in (bar.value, bar.low, bar.high) if end is not None]
        axis = Axis.of([*ends, *within], 0.04)
        low, zero, at, high = (
            x + 14 + (wide - 28) * axis.place(value) / 100
            for value in (bar.low or 0, 0, bar.value, bar.high or bar.value)
        )
        parts += [
            f'<path class="axis" d="M{zero:.1f} {TOP + 56}V{TOP + 76}"/>',
            f'<rect class="mark" x="{low:.1f}" y="{TOP + 65}" width="{high - low:.1f}" height="2"/>',
            f'<circle class="mark" cx="{at:.1f}" cy="{TOP + 66}" r="5"/>',
        ]
    total = height + CARD + 2 * TOP + GAP
    size = f'viewBox="0 0 {width} {total}" width="{width}" height="{total}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" class="first" {size}>'
    title = f"<title>First screen of a report: {escape('; '.join(f'{n}: {v}' for n, v, _ in cards))}</title>"
    body = f'<g transform="translate(0 {CARD + TOP + GAP})">{inner}</g>'
    return "\n".join([start, title, f"<style>{STYLE}</style>", *parts, body, "</svg>\n"])


def screenshot(report: Path, name: str, height: int, dark: bool = False) -> None:
    """Write a screenshot of a report."""
    scheme = f"--blink-settings=preferredColorScheme={int(not dark)}"
    size = ["--hide-scrollbars", f"--window-size=1280,{height}", f"--screenshot={HERE / 'images' / name}"]
    chromium = ["chromium", "--headless", "--no-sandbox", scheme, *size, report.resolve().as_uri()]
    subprocess.run(chromium, check=True, capture_output=True)  # noqa: S603 - the caller's own files


if __name__ == "__main__":
    for run, comparison in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        screenshot(Path(run, "report.html"), "report-light.png", 880)
        screenshot(Path(run, "report.html"), "report-dark.png", 880, dark=True)
        screenshot(Path(comparison, "report.html"), "report-comparison.png", 640)
    (HERE / "images" / "first-screen.svg").write_text(page(), encoding="utf-8")
