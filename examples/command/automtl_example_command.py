"""A command that shows the scores of a run."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_core.plugin import Reference, Result, Run, hookimpl, table
from automtl_report.commands import Output

Folder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/NAME.")]
Digits = Annotated[int, typer.Option(metavar="N", min=1, help="Number of digits of a score.")]


def scores(run: Folder, digits: Digits = 4) -> Output:
    """Show the test score of each task of a run.

    A command that returns an `Output` has the option `--json`. Errors of automtl, such as a run that does not
    exist, end the command with their exit code.
    """
    test = Run.open(run).read(Result).test or {}
    found = {task: metrics.score for task, metrics in test.items()}
    rows = [(task, "-" if score is None else f"{score:.{digits}f}") for task, score in found.items()]
    return Output(found, lambda _: table(["task", "score"], rows))


@hookimpl
def automtl_register_commands() -> dict[str, Reference]:
    """Return a reference by words, with the line that `automtl --help` shows without an import."""
    line = "Show the test score of each task of a run."
    return {"example-command": Reference("automtl_example_command:scores", line)}
