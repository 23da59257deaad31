"""Views of command results: a search plan, an evaluation, predictions, and lists of runs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from automtl_core.modules.cost import Cost
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.run import resuming
from automtl_core.workflow.evaluation import Evaluation
from automtl_core.workflow.new_rows import Predicted, Tested
from automtl_inspection.plan import Plan
from automtl_inspection.sections import Preformatted, Section, Text, facts, lines, table
from automtl_report.metrics import metrics
from automtl_report.numbers import elapsed
from automtl_report.record import after_refresh
from automtl_report.run import COSTS, numbers
from automtl_report.run_list import Summary

MEASURED = ["FLOPs per row", "time"]
"""Columns of the costs of a run."""


def plan(plan: Plan, config: RunConfig) -> Iterator[Section]:
    """Yield the resolved configuration and, last, the plan of a search with its sizes and costs."""
    yield Section("", [Preformatted(config.to_yaml().rstrip())])
    yield facts("plan", {name: of for name, of in vars(plan).items() if name not in ("answers", "points")})
    if plan.answers:
        yield table(["choice", "option", *COSTS], _options(plan.answers), "llr")
    yield table(["network", *COSTS], ([name, *numbers(cost)] for name, cost in plan.points.items()), "lr")


def evaluation(ended: Evaluation) -> Section:
    """Return test metrics, and whether they equal the recorded ones."""
    repeated = [Text("The metrics are exactly those that the run recorded")] if ended.repeats else []
    measured = metrics(ended.test, ended.min_positives)
    refreshed = after_refresh(ended.refreshed, ended.run) if ended.refreshed else ()
    return Section("", [*measured, *repeated, *map(Text, refreshed)])


def tested(ended: Tested) -> Section:
    """Return the test metrics of new rows."""
    rows = [f"{ended.rows:,} rows{_left_out(len(ended.skipped))}", *_some(ended.skipped)]
    return Section("", [*metrics(ended.test, ended.min_positives), *map(Text, rows)])


def predicted(ended: Predicted) -> Section:
    """Return the file of the predictions of new rows, and their number."""
    rows = f"{ended.rows:,} rows of {', '.join(ended.scores)}{_left_out(ended.rejected)}"
    others = [f"{name}: {meaning}" for name, meaning in ended.scores.items() if name not in ended.tasks]
    return lines(f"{ended.output}: {rows}", *others, *_some(ended.skipped))


def _options(costs: Mapping[str, Mapping[str, Cost]]) -> Iterator[list[object]]:
    """Yield the cost of each option; choices with the same options and costs share rows."""
    alike: dict[tuple[str, tuple[tuple[str, Cost], ...]], list[str]] = {}
    for choice, options in costs.items():
        alike.setdefault((choice.rpartition("/")[2], tuple(options.items())), []).append(choice)
    for (_, alternatives), (first, *others) in alike.items():
        name = first + (f" and {len(others)} more" if others else "")
        for place, (option, cost) in enumerate(alternatives):
            yield ["" if place else name, option, *numbers(cost)]


def _some(skipped: Sequence[str]) -> Iterator[str]:
    """Yield the first of some skipped rows."""
    yield from (f"skipped: {row}" for row in skipped[:10])
    if len(skipped) > 10:
        yield f"and {len(skipped) - 10:,} more; --json lists all"


def _left_out(rejected: int) -> str:
    """Return a note on skipped faulty rows, or nothing if there are none."""
    return f"; {rejected:,} faulty row{'s' * (rejected != 1)} skipped" if rejected else ""


def listed(folder: Path, runs: Sequence[Summary]) -> Section:
    """Return a table of the runs in a folder, and the commands that resume interrupted runs."""
    if not runs:
        return lines(f"{folder}: no runs")
    header = ["run", "dataset", "model", "seed", "validation score", "test score", *MEASURED, "state"]
    rows = [
        [
            *(Path(r.run).name, r.dataset, r.model, r.seed, r.validation, r.score, r.flops_per_row or None),
            *(None if r.seconds is None else elapsed(r.seconds), r.state),
        ]
        for r in runs
    ]
    notes = [
        f"{Path(run.run).name}: {note}"
        for run in runs
        if (note := f"resume by {resuming(Path(run.run))}" if run.state == "stopped" else run.note)
    ]
    return table(header, rows, "lllrrrrrl", notes=notes)
