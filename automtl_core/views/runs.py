"""Views of lists of runs."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from automtl_core.run_dir.run import resuming
from automtl_core.run_dir.run_list import Summary, comparable
from automtl_core.views.values import Section, lines, table

COSTS = ["kFLOPs per row", "seconds"]


def listed(folder: Path, runs: Sequence[Summary]) -> Section:
    """Return a table of the runs in a folder, and the commands that resume interrupted runs."""
    if not runs:
        return lines(f"{folder}: no runs")
    header = ["run", "dataset", "model", "seed", "validation AUC", "test AUC", *COSTS, "state"]
    rows = [
        [Path(r.run).name, r.dataset, r.model, r.seed, r.validation, r.score, *_costs(r), r.state]
        for r in runs
    ]
    notes = [f"{Path(run.run).name}: {note}" for run in runs if (note := _note(run))]
    return table(header, rows, notes=notes)


def compared(runs: Sequence[Summary]) -> Section:
    """Return metrics and costs side by side, and the command for a comparison with confidence intervals."""
    notes = []
    if not comparable(runs):
        notes.append("note: these runs use different data or splits, so their scores are not comparable")
    if len(runs) > 1:
        models = shlex.quote(",".join(run.run for run in runs))
        notes.append(f"with confidence intervals: automtl compare --models {models}")
    return side_by_side(runs, *notes)


def side_by_side(runs: Sequence[Summary], *notes: str) -> Section:
    """Return a table with a row for each run: its test metrics and costs."""
    tasks = list(dict.fromkeys(task for run in runs for task in run.scores))
    rows = [[run.run, *map(run.scores.get, tasks), run.score, *_costs(run)] for run in runs]
    return table(["run", *tasks, "mean AUC", *COSTS], rows, "lr", notes=notes)


def _note(run: Summary) -> str | None:
    return f"resume by {resuming(Path(run.run))}" if run.state == "stopped" else run.note


def _costs(run: Summary) -> list[str | None]:
    flops = run.flops_per_row and run.flops_per_row / 1000
    return [None if value is None else f"{value:,.0f}" for value in (flops, run.seconds)]
