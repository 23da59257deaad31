"""The command that compares models: what it does, and what it shows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import RenderableType
from rich.text import Text

from automtl_cli.output import Json, say
from automtl_cli.runs import actions
from automtl_cli.tables import safe, table
from automtl_core.comparison.cells import Cell
from automtl_core.comparison.document import Comparison
from automtl_core.comparison.tables import grids
from automtl_core.comparison.wanted import FORMATS, Wanted
from automtl_core.config.config import Layer


def compare(wanted: Wanted, layers: Sequence[Layer]) -> Json:
    """Compare models, show how that goes, and write down and return what was found."""
    with _resumable():
        found, out = wanted.compared(actions.line(), layers, _work, _wait)
    return {**found.to_json(), "out": str(out)}


def render(found: Json) -> Iterator[RenderableType]:
    """Render the tables of a comparison, and where they were written."""
    for grid in grids(Comparison.from_json(found)):
        yield safe(grid.title)
        yield table(grid.header, grid.rows, align="left" if grid.words else "right")
        yield from (safe(note) for note in grid.notes)
        yield Text()
    names = ", ".join(f"compare.{ending}" for ending in FORMATS)
    yield safe(f"written to {found['out']}: {names}")


def _work(cell: Cell, which: str) -> None:
    say(f"{which}: {_named(cell)}")


def _wait(cell: Cell) -> None:
    say(f"waiting for another process, which has {_named(cell)}")


def _named(cell: Cell) -> str:
    return f"{cell.model}, seed {cell.seed}, split {cell.split}: {cell.path.name}"


@contextmanager
def _resumable() -> Iterator[None]:
    """Add to what stops a comparison that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note("give the same command again: it goes on with what is there")
        raise
