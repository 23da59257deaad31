"""Sections as text on a terminal, progress bars and live views; without a terminal, each row is one line."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, JustifyMethod, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text as RichText

from automtl_core.errors import on_one_line, printable
from automtl_inspection.sections import Grid, Preformatted, Section, Text
from automtl_report.plain import cell, plain

WITHOUT = 10_000
"""Width without a terminal: each row and each sentence is one line, for other programs."""
TEXT, TITLE, GAP = 20, 10, 2
"""Widths to which a column of texts and a title may be narrowed, and the gap between columns."""
BAR = 24
"""Width of a bar."""
Row = tuple[str, float, str]
"""Name of what is at work, its finished share, and a note."""
SIDES: Mapping[str, JustifyMethod] = {"l": "left", "c": "center", "r": "right"}


def rendered(view: Section | Iterable[Section]) -> str:
    """Return sections as lines of text, with a blank line between two sections that are not empty."""
    # Captured rather than printed by rich, which ends the program if the output is closed.
    width = None if sys.stdout.isatty() else WITHOUT
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    sections = [view] if isinstance(view, Section) else view
    with console.capture() as capture:
        for place, section in enumerate(s for s in sections if s.title or s.blocks):
            if place:
                console.print()
            if section.title:
                console.print(_line(section.title))
            for block in map(plain, section.blocks):
                for place, part in enumerate(_printed(block, console.width)):
                    if place:
                        console.print()
                    console.print(part)
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _printed(block: Text | Preformatted | Grid, width: int) -> Iterator[Table | RichText]:
    """Yield the parts of a block: a table that is wider than the terminal is divided, and no number is."""
    if not isinstance(block, Grid):
        yield RichText(printable(block.text)) if isinstance(block, Preformatted) else _line(block.text)
        return
    rows = [[_line(cell(value)) for value in row] for row in (block.header, *block.rows)]
    letters = block.letters()[: len(block.header)]
    needed = [max(row[k].cell_len for row in rows if k < len(row)) for k in range(len(letters))]
    if sum(needed) + GAP * (len(needed) - 1) > width:  # titles of numbers are broken first
        numbers = [k for k, letter in enumerate(letters) if letter != "l"]
        for k in numbers:
            words = rows[0][k].plain.split() or [""]
            body = max((row[k].cell_len for row in rows[1:] if k < len(row)), default=0)
            broken = rows[0][k].wrap(Console(), max(body, TITLE, *map(cell_len, words)))
            rows[0][k] = RichText("\n").join(broken)
            needed[k] = max(body, *(one.cell_len for one in broken))
    needed = [min(n, TEXT) if letter == "l" else n for n, letter in zip(needed, letters, strict=True)]
    for columns in _divided(needed, letters, width):
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(block.header))
        for k in columns:
            table.add_column(
                rows[0][k], justify=SIDES[letters[k]], no_wrap=letters[k] != "l", overflow="fold"
            )
        for row in rows[1:]:
            table.add_row(*(row[k] for k in columns if k < len(row)))
        yield table


def _divided(needed: Sequence[int], letters: str, width: int) -> Iterator[list[int]]:
    """Yield the columns of each part of a table that fit: the first one, then texts before numbers."""
    columns, used, narrow = list[int](), 0, sum(needed) + GAP * (len(needed) - 1) > width
    for k in sorted(range(len(needed)), key=lambda k: narrow and k > 0 and letters[k] != "l"):
        if len(columns) > 1 and used + GAP + needed[k] > width:
            yield columns
            columns, used = [0], needed[0]
        columns.append(k)
        used += needed[k] + GAP * bool(k)
    yield columns


def _line(text: str) -> RichText:
    """Return a text as one line, so that a name cannot look like another line of the output."""
    return RichText(on_one_line(text))


def bars(rows: Iterable[Row]) -> Table:
    """Return rows with a bar each."""
    table = Table.grid(padding=(0, 1))
    for name, share, note in rows:
        bar = ProgressBar(total=1.0, completed=min(share, 1.0), width=BAR)
        table.add_row(line(name), bar, line(f"{min(share, 1.0):4.0%}"), line(note))
    return table


def line(text: str, style: str = "") -> RichText:
    """Return a text in one line, which ends at the border of the terminal."""
    return RichText(printable(text), style, no_wrap=True, overflow="ellipsis")


def live(view: Callable[[], RenderableType]) -> Live:
    """Return a display of a view below all other lines, which vanishes at its end."""
    return Live(get_renderable=view, console=console(), transient=True, redirect_stdout=False)


def draws() -> bool:
    """Return whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def console() -> Console:
    """Return standard error as a console, without markup."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)
