"""The command that compares models: what it does, and what it shows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import RenderableType
from rich.text import Text

from automtl_cli.output import Json, say
from automtl_cli.runs import actions, progress
from automtl_cli.tables import safe, table
from automtl_core.comparison.cells import Bench, Cell
from automtl_core.comparison.compare import compare as compare_models
from automtl_core.comparison.document import Comparison
from automtl_core.comparison.splits import in_split, split_seeds
from automtl_core.comparison.tables import comma_separated, grids, markdown
from automtl_core.data.simulate import warning
from automtl_core.disk.files import write_atomic
from automtl_core.errors import UsageError
from automtl_core.runs.config import Layer
from automtl_core.wording import did_you_mean, listing

FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "json": lambda found: json.dumps(found.to_json(), indent=2) + "\n",
    "csv": comma_separated,
    "md": markdown,
}


class Wanted(NamedTuple):
    """What options say of a comparison."""

    models: Sequence[str]
    seeds: int
    splits: int
    trials: int
    reference: str | None
    out: Path | None


def compare(wanted: Wanted, layers: Sequence[Layer]) -> Json:
    """Compare models, show how that goes, and write down and return what was found."""
    if not wanted.models:
        raise UsageError("there is no model to compare", "name some, such as --models mmoe,ple")
    line = actions.line()
    jobs = line.models(wanted.models, layers)
    common = next(iter(jobs.values()))
    reference = wanted.reference if wanted.reference is not None else next(iter(jobs))
    if reference not in jobs:
        hint = did_you_mean(reference, jobs)
        raise UsageError(f"--reference {reference!r} is none of the models{hint}", f"known: {listing(jobs)}")
    out = wanted.out if wanted.out is not None else Path("comparisons") / common.config.dataset.name
    splits = split_seeds(common, wanted.splits)
    prepared = {split: line.prepare(in_split(common, split)) for split in splits}
    seeds = range(common.config.seed, common.config.seed + wanted.seeds)
    with _resumable(out), progress.training() as listener:
        bench = Bench(out, prepared, listener, _work, _wait)
        found = compare_models(jobs, seeds, wanted.trials, reference, bench)
    out.mkdir(parents=True, exist_ok=True)
    for ending, form in FORMATS.items():
        write_atomic(out / f"compare.{ending}", form(found).encode())
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


def _work(cell: Cell, which: str) -> None:
    say(f"{which}: {_named(cell)}")


def _wait(cell: Cell) -> None:
    say(f"waiting for another process, which has {_named(cell)}")


def _named(cell: Cell) -> str:
    return f"{cell.model}, seed {cell.seed}, split {cell.split}: {cell.path.name}"


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Add to what stops a comparison that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(f"give the same command again: it goes on with what is in {out}")
        raise
