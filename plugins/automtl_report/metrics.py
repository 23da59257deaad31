"""The table of test metrics, by task."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean

from automtl_core.tasks.kind import Measure
from automtl_core.tasks.kinds import distinct
from automtl_core.training.metric import ByUser
from automtl_core.training.metrics import Metrics, TaskMetrics, flat, mean_over_tasks, measures, too_few
from automtl_inspection.sections import Block, Grid, Text


def metrics(test: Metrics, least: int) -> Iterator[Block]:
    """Yield test metrics by task and their mean, and notes on tasks with too few rows or undefined metrics.

    The table has a column for each metric that any task has; the mean needs two tasks of 0 and 1 alone.

    Args:
        test: Metrics by task.
        least: Rows of either class that a task needs to count in the mean.

    """
    values = {task: flat(m) for task, m in test.items()}
    columns, scores = dict[tuple[str, str], Measure](), set()
    for kind in distinct(m.kind for m in test.values()):
        score, *others = measures(kind, [m for m in test.values() if m.kind == kind.name])
        for column in (score, *others):  # two kinds of tasks may have a metric in common
            columns.setdefault((column.key, column.title), column)
        scores.add(score)
    counts = [key for key in ("positives", "rows") if any(key in of_task for of_task in values.values())]
    few = {task: m for task, m in test.items() if not m.is_informative(least)}
    rows: list[list[object]] = [
        [
            task + " *" * (task in few),
            *(cell(of, c) for c in columns.values()),
            *(of.get(key, "") for key in counts),
        ]
        for task, of in values.items()
    ]
    if len(test) - len(few) > 1 and all(m.type.two_classes for m in test.values()):
        found = [{task: of[c.key] for task, of in values.items() if c.key in of} for c in columns.values()]
        means = [mean_over_tasks(of, {task: test[task] for task in of}, least) for of in found]
        rows.append(["mean", *means, *[""] * len(counts)])
    titles = ["test " * (column in scores) + column.title for column in columns.values()]
    yield Grid(["task", *titles, *counts], rows, "lr")
    yield from map(Text, too_few(few))
    undefined: dict[str, list[str]] = {}  # reason -> tasks
    for task, m in test.items():
        for reason, lacking in _undefined(m).items():
            undefined.setdefault(f"no {', no '.join(lacking)}: {reason}", []).append(task)
    for reason, tasks in undefined.items():
        yield Text(f"{', '.join(tasks)} {'has' if len(tasks) == 1 else 'have'} {reason}")
    yield from map(Text, by_user(test, least))


def mean_score(test: Metrics, counted: Collection[str]) -> float | None:
    """Return the mean over some tasks of the measures that searches compare, such as AUC and R2."""
    known = [score for task in counted if (score := test[task].evidence) is not None]
    return fmean(known) if known else None


def by_user(test: Metrics, least: int | None = None) -> Iterator[str]:
    """Yield the users that each metric by user counts, and warnings where it says nothing.

    Args:
        test: Metrics by task.
        least: Users that a value needs to be reliable; None for no warnings about single values.

    """
    ranked: dict[str, list[tuple[str, int, float, ByUser]]] = {}
    for task, m in test.items():
        for other in m.others.values():
            if other.by_user and other.value is not None:
                ranked.setdefault(other.title, []).append((task, other.sign, other.value, other.by_user))
    faults: dict[str, list[str]] = {}  # fault -> metrics and tasks with their values
    for title, of_tasks in ranked.items():
        yield from _of_users(title, [users for *_, users in of_tasks])
        for task, sign, value, users in of_tasks:
            if least is not None and (fault := _fault(sign * (value - users.random), users, least)):
                chance = f"random {users.random:.4f} ± {users.spread:.4f}, {users.users:,} {users.unit}"
                faults.setdefault(fault, []).append(f"{title} of {task} {value:.4f} ({chance})")
    yield from (f"warning: {fault}: {', '.join(values)}" for fault, values in faults.items())


def _of_users(title: str, users: Sequence[ByUser]) -> Iterator[str]:
    """Yield the users of one metric, and warnings about them."""
    counted, known = _range([u.users for u in users], ","), _range([u.all_users for u in users], ",")
    rows = [of_task.rows / of_task.all_users for of_task in users]
    random = _range([of_task.random for of_task in users], ".4f")
    unit = users[0].unit
    yield (
        f"{title}: over {counted} {unit} {users[0].which}, of {known} {unit} with {_range(rows, '.1f')} rows "
        f"each on average; a random order has {random}"
    )
    if unit == "buckets":
        yield f"warning: {title} is by hash bucket, not by user: the user field is in dataset.hashed"
    if min(rows) < 1.5:
        yield f"warning: {title} says little, since most {unit} have one row, and nothing to rank"


def _fault(above: float, users: ByUser, least: int) -> str | None:
    """Return the fault of a value that is so much better than a random order; None if it says something."""
    chance = 1e-9 + 2 * users.spread  # about 95 % of random orders
    if above < -chance:
        return "worse than a random order, beyond chance"
    if users.users < least:
        return f"over fewer than {least} {users.unit}, too few to be reliable"
    return "no different from a random order, beyond chance" if above <= chance else None


def _range(values: Sequence[float], form: str) -> str:
    """Return the least and the greatest of some values, or the only one."""
    return " to ".join(dict.fromkeys(f"{value:{form}}" for value in (min(values), max(values))))


def cell(values: Mapping[str, object], column: Measure) -> object:
    """Return a metric as text; nothing for a task of another kind, None where the metric is undefined."""
    value = values.get(column.key, "")
    return f"{value:{column.form}}" if isinstance(value, float) else value


def _undefined(m: TaskMetrics) -> dict[str, list[str]]:
    """Return the titles of undefined metrics by their reason."""
    reasons = [(own.title, m.reason) for own in m.type.measures if m.values[own.key] is None]
    reasons += [(other.title, other.reason) for other in m.others.values() if other.value is None]
    titles: dict[str, list[str]] = {}
    for title, reason in reasons:
        titles.setdefault(reason or "", []).append(title)
    return titles
