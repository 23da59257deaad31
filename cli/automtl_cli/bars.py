"""Progress bars and live views on standard error, shown only on a terminal."""

import os
import sys

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


def bar() -> Progress:
    """Return a progress bar with percentage and remaining time, for a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TimeRemainingColumn(),
        console=console(),
        transient=True,
    )


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
