"""Progress bars on standard error, shown only on a terminal."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


def bar(*columns: TextColumn) -> Progress:
    """Return a progress bar with percentage, remaining time, and further columns."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
