"""A command: the tasks of a run, the one with the lowest test score first."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_core.plugin import Output, Reference, Result, Run, UsageError, hookimpl, table


def weakest(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    below: Annotated[float, typer.Option(metavar="SCORE", help="Highest score of a task.")] = 1.0,
) -> Output:
    """Show the tasks with the lowest test scores."""
    test = Run.open(run).read(Result).test
    if test is None:
        raise UsageError(f"{run}: the run is not tested yet", fix=f"automtl evaluate {run}")
    scores = {task: metrics.score for task, metrics in test.items() if metrics.score is not None}
    found = {task: scores[task] for task in sorted(scores, key=scores.__getitem__) if scores[task] <= below}
    return Output(found, lambda _: table(["task", "score"], found.items()))


@hookimpl
def automtl_register_commands():
    return {"weakest": Reference("weakest:weakest", "Show the tasks with the lowest test scores.")}
