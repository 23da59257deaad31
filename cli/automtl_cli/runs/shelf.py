"""What the commands of `automtl runs` do and show."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import RenderableType

from automtl_cli.output import Json
from automtl_cli.tables import by_name, safe, table
from automtl_core.errors import UsageError
from automtl_core.run_dir import run_list as shelf
from automtl_core.run_dir.run import Run, resuming


def listed(folder: Path) -> Json:
    """Return the runs in a folder."""
    return {"folder": str(folder), "runs": [each.to_json() for each in shelf.shelf(folder)]}


def render(document: Json) -> Iterator[RenderableType]:
    """Render the runs in a folder, and how to go on with those that were stopped."""
    runs = document["runs"]
    if not runs:
        yield safe(f"{document['folder']}: no runs")
        return
    header = ["run", "dataset", "model", "seed", "test AUC", "kFLOP a row", "seconds", "state"]
    yield table(header, map(_row, runs))
    for run in runs:
        if run["state"] == "stopped":
            yield safe(f"{Path(run['run']).name} goes on with: {resuming(Path(run['run']))}")
        elif run["note"]:
            yield safe(f"{Path(run['run']).name}: {run['note']}")


def compared(paths: Sequence[Path]) -> Json:
    """Return the runs that are named, and whether their scores are of the same rows."""
    found = [shelf.summary(path) for path in paths]
    return {"runs": [each.to_json() for each in found], "comparable": shelf.comparable(found)}


def render_compared(document: Json) -> Iterator[RenderableType]:
    """Render metrics and costs side by side, and how to know more."""
    runs = document["runs"]
    yield side_by_side(runs)
    if not document["comparable"]:
        yield safe("note: these runs are of other data or splits: their scores cannot be compared")
    if len(runs) > 1:
        names = ",".join(run["run"] for run in runs)
        yield safe(f"with error bars: automtl compare --models {shlex.quote(names)}")


def side_by_side(runs: Sequence[Json]) -> RenderableType:
    """Return a table of a row a run: its test metrics and costs."""
    tasks = dict.fromkeys(task for run in runs for task in run["scores"])
    facts = {
        run["run"]: {
            **{task: run["scores"].get(task) for task in tasks},
            "mean AUC": run["score"],
            "kFLOP a row": _kilo(run["flops_per_row"]),
            "seconds": _whole(run["seconds"]),
        }
        for run in runs
    }
    return by_name("run", facts)


def removed(paths: Sequence[Path], yes: bool) -> Json:
    """Remove runs, and return them.

    Raises:
        UsageError: nobody agreed.

    """
    runs = [Run.open(path) for path in paths]
    if not yes and not _agreed(paths):
        raise UsageError("nothing is removed", "agree, or give --yes")
    for run in runs:
        shelf.remove(run.path)
    return {"removed": [str(run.path) for run in runs]}


def render_removed(document: Json) -> Iterator[RenderableType]:
    """Render what was removed."""
    yield from (safe(f"removed: {run}") for run in document["removed"])


def _agreed(paths: Sequence[Path]) -> bool:
    try:
        return typer.confirm(f"remove {', '.join(map(str, paths))}?", err=True)
    except (typer.Abort, OSError):  # nobody can answer
        return False


def _row(run: Json) -> list[object]:
    told = (run[key] for key in ("dataset", "model", "seed", "score"))
    costs = _kilo(run["flops_per_row"]), _whole(run["seconds"])
    return [Path(run["run"]).name, *told, *costs, run["state"]]


def _kilo(flops: int | None) -> str | None:
    return None if flops is None else f"{flops / 1000:,.0f}"


def _whole(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:,.0f}"
