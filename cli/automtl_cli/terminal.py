"""Sections as text on a terminal, progress bars and live views; without a terminal, each row is one line."""

import os
import sys
from collections.abc import Iterable

from rich.console import Console, JustifyMethod, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text as RichText

from automtl_core.errors import on_one_line, printable
from automtl_core.views.plain import cell, plain
from automtl_core.views.values import Grid, Preformatted, Section, Text


def rendered(view: Section | Iterable[Section]) -> str:
    """Return sections as lines of text, with a blank line between two sections that are not empty."""
    # Captured rather than printed by rich, which ends the program if the output is closed.
    width = None if sys.stdout.isatty() else 10_000  # no line is wrapped
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    sections = [view] if isinstance(view, Section) else view
    with console.capture() as capture:
        for place, section in enumerate(s for s in sections if s.title or s.blocks):
            if place:
                console.print()
            if section.title:
                console.print(_line(section.title))
            for block in map(plain, section.blocks):
                console.print(_printed(block))
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _printed(block: Text | Preformatted | Grid) -> Table | RichText:
    if isinstance(block, Grid):
        return _table(block)
    return RichText(printable(block.text)) if isinstance(block, Preformatted) else _line(block.text)


def _table(grid: Grid) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(grid.header))
    sides: dict[str, JustifyMethod] = {"l": "left", "c": "center", "r": "right"}
    for name, letter in zip(grid.header, grid.letters(), strict=False):
        table.add_column(_line(name), justify=sides[letter])
    for row in grid.rows:
        table.add_row(*(_line(cell(value)) for value in row))
    return table


def _line(text: str) -> RichText:
    """Return a text as one line, so that a name cannot look like another line of the output."""
    return RichText(on_one_line(text))


def bar() -> Progress:
    """Return a progress bar with percentage and remaining time, for a terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console(), transient=True)


def live(view: RenderableType) -> Live:
    """Return a display of a view below all other lines, which vanishes at its end."""
    return Live(
        view,
        console=console(),
        transient=True,
        refresh_per_second=4,
        redirect_stdout=False,
        vertical_overflow="crop",
    )


def draws() -> bool:
    """Return whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def console() -> Console:
    """Return standard error as a console, without markup."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)
