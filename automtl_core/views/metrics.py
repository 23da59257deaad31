"""The table of test metrics, by task."""

from collections.abc import Iterator, Mapping

from automtl_core.training.metrics import (
    METRICS,
    BinaryMetrics,
    Few,
    Measure,
    Metrics,
    RegressionMetrics,
    TaskMetrics,
    flat,
    mean_over_tasks,
    measures,
    too_few,
)
from automtl_core.views.values import Block, Grid, Text

TITLES = {"auc": "test AUC", "rmse": "test RMSE"}
"""Metric -> its column title, if that is not the title of the metric."""
REACHABLE = Measure("reachable", "optimal AUC", "z.4f", 1)
"""The AUC of the true probabilities of generated labels."""
COUNTS = ("positives", "rows")


def metrics(test: Metrics, reachable: Mapping[str, float | None], least: int) -> Iterator[Block]:
    """Yield test metrics by task and their mean, and notes on tasks with too few rows or undefined metrics.

    The table has a column for each metric that any task has. Errors in units of labels have no mean.

    Args:
        test: Metrics by task.
        reachable: Task -> the AUC of the true probabilities of its labels, where the data is generated.
        least: Rows of either class that a task needs to count in the mean.

    """
    best = {task: {"reachable": value} for task, value in reachable.items()}
    values = {task: {**flat(m), **best.get(task, {})} for task, m in test.items()}
    averaged, others = _averaged(test, bool(reachable)), _not_averaged(test)
    columns = [*averaged, *others]
    counts = [key for key in COUNTS if any(key in each for each in values.values())]
    rows: list[list[object]] = [
        [
            task if m.is_informative(least) else f"{task} *",
            *(_cell(values[task], column) for column in columns),
            *(values[task].get(key, "") for key in counts),
        ]
        for task, m in test.items()
    ]
    if averaged:
        by_key = {
            column.key: {task: each.get(column.key) for task, each in values.items()} for column in averaged
        }
        means = [mean_over_tasks(by_key[column.key], test, least) for column in averaged]
        rows.append(["mean", *means, *[""] * (len(others) + len(counts))])
    titles = [TITLES.get(column.key, column.title) for column in columns]
    yield Grid(["task", *titles, *counts], rows, "lr")
    yield from map(
        Text, too_few({task: Few.of(m) for task, m in test.items() if not m.is_informative(least)})
    )
    undefined: dict[str, list[str]] = {}  # reason -> tasks
    for task, m in test.items():
        for reason, lacking in _undefined(m).items():
            undefined.setdefault(f"no {', no '.join(lacking)}: {reason}", []).append(task)
    for reason, tasks in undefined.items():
        yield Text(f"{', '.join(tasks)} {'has' if len(tasks) == 1 else 'have'} {reason}")


def _averaged(test: Metrics, generated: bool) -> list[Measure]:
    """Return the metrics of binary tasks, which have a mean over tasks."""
    binary = [m for m in test.values() if isinstance(m, BinaryMetrics)]
    if not binary:
        return []
    score, *others = measures("binary", binary)
    return [score, *([REACHABLE] if generated else []), *others]


def _not_averaged(test: Metrics) -> list[Measure]:
    regressions = [m for m in test.values() if isinstance(m, RegressionMetrics)]
    return measures("regression", regressions) if regressions else []


def _cell(values: Mapping[str, object], column: Measure) -> object:
    """Return a metric as text; nothing for a task of another kind, None where the metric is undefined."""
    value = values.get(column.key, "")
    return f"{value:{column.form}}" if isinstance(value, float) else value


def _undefined(m: TaskMetrics) -> dict[str, list[str]]:
    """Return the titles of undefined metrics by their reason."""
    reasons = [(each.title, m.reason) for each in METRICS[m.kind] if getattr(m, each.key) is None]
    reasons += [(each.title, each.reason) for each in m.others.values() if each.value is None]
    found: dict[str, list[str]] = {}
    for title, reason in reasons:
        found.setdefault(reason or "", []).append(title)
    return found
