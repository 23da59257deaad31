"""Actions of the commands of `automtl runs`."""

from collections.abc import Sequence
from pathlib import Path

import typer

from automtl_cli.output import Json, emit
from automtl_core.errors import UsageError
from automtl_core.run_dir import run_list
from automtl_core.run_dir.run import Run
from automtl_core.run_dir.run_list import Summary
from automtl_core.views import outcome as views
from automtl_core.views.values import lines


def show_list(folder: Path, as_json: bool) -> None:
    """Print the runs of a folder."""
    runs = run_list.summaries(folder)
    emit({"folder": str(folder), "runs": runs}, lambda _: views.listed(folder, runs), as_json)


def compare(paths: Sequence[Path], as_json: bool) -> None:
    """Print the metrics and costs of runs, and whether their test rows are the same."""
    runs = [run_list.summary(path) for path in paths]
    emit(compared(runs), lambda _: views.compared(runs), as_json)


def compared(runs: Sequence[Summary]) -> Json:
    """Return runs as JSON, and whether their test rows are the same."""
    return {"runs": runs, "comparable": run_list.comparable(runs)}


def remove(paths: Sequence[Path], yes: bool, as_json: bool) -> None:
    """Remove runs, and print their folders.

    Raises:
        UsageError: the user did not confirm.

    """
    runs = [Run.open(path) for path in paths]
    if not yes and not _agreed(paths):
        raise UsageError("nothing is removed", "confirm, or add --yes")
    for run in runs:
        run_list.remove(run.path)
    removed = [str(run.path) for run in runs]
    emit({"removed": removed}, lambda _: lines(*(f"removed: {run}" for run in removed)), as_json)


def _agreed(paths: Sequence[Path]) -> bool:
    try:
        return typer.confirm(f"remove {', '.join(map(str, paths))}?", err=True)
    except (typer.Abort, OSError):  # no input
        return False
