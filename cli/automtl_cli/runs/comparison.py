"""The command that compares models: what it does, and what it shows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import RenderableType
from rich.text import Text

from automtl_cli.output import Json
from automtl_cli.runs import actions
from automtl_cli.tables import safe, table
from automtl_core.comparison.document import Comparison
from automtl_core.comparison.tables import grids
from automtl_core.comparison.wanted import FORMATS, Wanted
from automtl_core.config.config import Layer
from automtl_core.data.simulate import warning


def compare(wanted: Wanted, layers: Sequence[Layer]) -> Json:
    """Compare models, show how that goes, and write down and return what was found."""
    with _resumable():
        found, out = wanted.compared(actions.workflow(), layers)
    return {**found.to_json(), "out": str(out)}


def render(found: Json) -> Iterator[RenderableType]:
    """Render the tables of a comparison, and where they were written."""
    if found["simulated"]:
        yield safe(f"note: {warning(found['simulated'])}\n")
    for grid in grids(Comparison.from_json(found)):
        yield safe(grid.title)
        yield table(grid.header, grid.rows, align="left" if grid.words else "right")
        yield from (safe(note) for note in grid.notes)
        yield Text()
    names = ", ".join(f"compare.{ending}" for ending in FORMATS)
    yield safe(f"written to {found['out']}: {names}")


@contextmanager
def _resumable() -> Iterator[None]:
    """Add to what stops a comparison that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note("give the same command again: it goes on with what is there")
        raise
