"""Lists of runs."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from automtl_core.run_dir.run import resuming
from automtl_core.run_dir.run_list import Summary, comparable
from automtl_core.views.values import Block, Grid, Section, Text

COSTS = ["kFLOPs per row", "seconds"]


def listed(folder: Path, runs: Sequence[Summary]) -> Section:
    """Return the runs of a folder, and how to resume those that were stopped."""
    if not runs:
        return Section("", [Text(f"{folder}: no runs")])
    header = ["run", "dataset", "model", "seed", "test AUC", *COSTS, "state"]
    rows = [
        [Path(run.run).name, run.dataset, run.model, run.seed, run.score, *_costs(run), run.state]
        for run in runs
    ]
    notes = [
        f"{Path(run.run).name}: {run.note}"
        if run.state != "stopped"
        else f"{Path(run.run).name}: resume by {resuming(Path(run.run))}"
        for run in runs
        if run.note or run.state == "stopped"
    ]
    return Section("", [Grid(header, rows), *map(Text, notes)])


def compared(runs: Sequence[Summary]) -> Section:
    """Return metrics and costs side by side, and how to compare runs with error bars."""
    blocks: list[Block] = [side_by_side(runs)]
    if not comparable(runs):
        blocks.append(Text("note: these runs are of other data or splits: their scores cannot be compared"))
    if len(runs) > 1:
        models = shlex.quote(",".join(run.run for run in runs))
        blocks.append(Text(f"with error bars: automtl compare --models {models}"))
    return Section("", blocks)


def side_by_side(runs: Sequence[Summary]) -> Grid:
    """Return a table of a row a run: its test metrics and costs."""
    tasks = list(dict.fromkeys(task for run in runs for task in run.scores))
    rows = [[run.run, *map(run.scores.get, tasks), run.score, *_costs(run)] for run in runs]
    return Grid(["run", *tasks, "mean AUC", *COSTS], rows, "lr")


def _costs(run: Summary) -> list[str | None]:
    return [
        None if value is None else f"{value:,.0f}"
        for value in (run.flops_per_row and run.flops_per_row / 1000, run.seconds)
    ]
