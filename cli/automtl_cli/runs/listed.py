"""The commands of `automtl runs` on several runs. They import slow modules themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automtl_cli import completion, options
from automtl_cli.output import Json
from automtl_core.commands import Output, argument, flag
from automtl_core.errors import UsageError

if TYPE_CHECKING:
    from automtl_core.run_dir.run_list import Summary

runs = typer.Typer(rich_markup_mode=None, help="List, show, compare and remove runs.")

Several = Annotated[list[Path], argument("RUN...", "Folders of runs.", autocompletion=completion.runs)]


def list_runs(runs_dir: options.RunsDir = Path("runs")) -> Output:
    """List the runs of a folder by dataset, the best first.

    They are ranked by the mean validation AUC. Unfinished runs are marked.
    """
    from automtl_core.run_dir.run_list import summaries
    from automtl_core.views.outcome import listed

    runs = summaries(runs_dir)
    return Output({"folder": str(runs_dir), "runs": runs}, lambda _: listed(runs_dir, runs))


def compare(runs: Several) -> Output:
    """Show test metrics and costs of several runs side by side.

    Error bars and a verdict need several seeds: see `automtl compare --models RUN,RUN`.
    """
    from automtl_core.run_dir.run_list import summary
    from automtl_core.views import outcome as views

    summaries = [summary(path) for path in runs]
    return Output(compared(summaries), lambda _: views.compared(summaries))


def compared(runs: "Sequence[Summary]") -> Json:
    """Return runs as JSON, and whether their test rows are the same."""
    from automtl_core.run_dir.run_list import comparable

    return {"runs": runs, "comparable": comparable(runs)}


def remove(runs: Several, yes: bool = flag("--yes", "Remove without confirmation.")) -> Output:
    """Remove runs, after a confirmation."""
    from automtl_core.run_dir import run_list
    from automtl_core.run_dir.run import Run
    from automtl_core.views.values import lines

    opened = [Run.open(path) for path in runs]
    if not yes and not _agreed(runs):
        raise UsageError("nothing is removed", "confirm, or add --yes")
    for run in opened:
        run_list.remove(run.path)
    removed = [str(run.path) for run in opened]
    return Output({"removed": removed}, lambda _: lines(*(f"removed: {run}" for run in removed)))


def _agreed(paths: Sequence[Path]) -> bool:
    try:
        return typer.confirm(f"remove {', '.join(map(str, paths))}?", err=True)
    except (typer.Abort, OSError):  # no input
        return False
