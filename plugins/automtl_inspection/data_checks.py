"""Warnings before a training: unlike parts, and what is wrong with rows, or too little for the recipe."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from math import log
from typing import Any

from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.schema import Task
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_core.workflow.stage import Stage
from automtl_inspection.leaks.leaks import alone, warnings
from automtl_inspection.leaks.lists import list_warnings

MOST = 0.5
"""Share of the test rows with unseen values from which a field is named."""


class DataChecks(Stage):
    """Warns of tasks with few rows, unlike parts, and predictors that may hold a label."""

    def check(self, prepared: Prepared, job: Job) -> Iterator[str]:
        """Yield the warnings."""
        yield from list_warnings(prepared)
        yield from rare_tasks(prepared, job.config.training)
        yield from parts_warnings(prepared)
        yield from warnings(prepared, alone(prepared))


def rare_tasks(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    """Yield a warning for the tasks with too few validation rows to stop a training."""
    rows, least = prepared.manifest["rows"]["validation"], recipe.min_positives
    few = {
        task: count
        for task, of in prepared.manifest["labels"]["validation"].items()  # of the rarer class
        if (count := min(of["rows"], of.get("positives", least), of["rows"] - of.get("positives", 0))) < least
    }
    others = [task.name for task in prepared.schema.tasks if task.name not in few]
    if not others:
        yield (
            f"no task has {least} validation rows of either class (there are {rows:,} rows): the choice of "
            "epoch and architecture is unreliable; use more rows, or lower training.min_positives"
        )
    elif few and not recipe.monitor:
        counts = ", ".join(f"{task} {count:,}" for task, count in few.items())
        yield (
            f"too few validation rows of one class ({counts}; training.min_positives is {least}): early "
            f"stopping monitors {', '.join(others)} only; training.monitor changes that"
        )


def parts_warnings(prepared: Prepared) -> Iterator[str]:
    """Yield a warning for each label that differs between parts by four standard errors, and by much.

    And one for each field of which most test rows have unseen values. By much: the odds of a label of 0 and 1
    are twice as high, or a mean is half a deviation higher.
    """
    for task in prepared.schema.tasks:
        facts = [prepared.manifest["labels"][part][task.name] for part in PARTS]
        levels = combinations([_level(task, one) for one in facts if one["rows"]], 2)
        if any(abs(one - other) > max(1, 4 * (of + more) ** 0.5) for (one, of), (other, more) in levels):
            what, form = ("rate", ".1%") if task.type.two_classes else ("mean", ".4g")
            of = ["unknown" if one["mean"] is None else format(one["mean"], form) for one in facts]
            yield (
                f"the {what} of {task.name} is {of[0]} in training, {of[1]} in validation and {of[2]} in "
                "test rows: a score is that of rows unlike those of training; are rows sorted by it, or is "
                "it known late? dataset.split names other splits"
            )

    train, test = (prepared.part(name).ids for name in ("train", "test"))
    for place, field in enumerate(prepared.schema.sparse):
        share = float((test[:, place] == 0).mean()) if field.kind == "single" else 0.0
        if share >= MOST > 2 * float((train[:, place] == 0).mean()):
            yield (
                f"{share:.0%} of the test rows have values of {field.name} without a training row: what is "
                "learned of single values does not count there; fields that describe them help"
            )


def _level(task: Task, facts: Mapping[str, Any]) -> tuple[float, float]:
    """Return the level of a label in units of a large difference, and its variance."""
    if task.type.two_classes:
        ones, zeros = facts["positives"] + 0.5, facts["rows"] - facts["positives"] + 0.5
        return log(ones / zeros) / log(2), (1 / ones + 1 / zeros) / log(2) ** 2
    return 2 * facts["mean"] / task.deviation, 4 / facts["rows"]
