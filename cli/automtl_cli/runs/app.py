"""The commands of `automtl runs`. As in `app`, they import slow modules themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import completion, options

runs_app = typer.Typer(rich_markup_mode=None, help="List, show, compare and remove runs.")

Several = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="Folders of runs.", autocompletion=completion.runs),
]


@runs_app.command("list")
def list_runs(runs_dir: options.RunsDir = Path("runs"), as_json: options.AsJson = False) -> None:
    """List the runs of a folder by dataset, the best first.

    They are ranked by the mean validation AUC. Unfinished runs are marked.
    """
    from automtl_cli.runs import run_list

    run_list.show_list(runs_dir, as_json)


@runs_app.command()
def show(
    run: options.Run,
    evidence: options.Evidence = False,
    fields: options.Fields = False,
    as_json: options.AsJson = False,
) -> None:
    """Show the architecture of a run, as `automtl show` does."""
    from automtl_cli.runs import actions

    actions.show(run, evidence, fields, as_json)


@runs_app.command()
def compare(runs: Several, as_json: options.AsJson = False) -> None:
    """Show test metrics and costs of several runs side by side.

    Error bars and a verdict need several seeds: see `automtl compare --models RUN,RUN`.
    """
    from automtl_cli.runs import run_list

    run_list.compare(runs, as_json)


@runs_app.command()
def remove(
    runs: Several,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without confirmation.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Remove runs, after a confirmation."""
    from automtl_cli.runs import run_list

    run_list.remove(runs, yes, as_json)
