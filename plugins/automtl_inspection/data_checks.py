"""Warnings before a training: what is wrong with prepared rows, or too little for the recipe."""

from collections.abc import Iterator

from automtl_core.data.store import Prepared
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_core.workflow.stage import Stage
from automtl_inspection.leaks.leaks import alone, warnings
from automtl_inspection.leaks.lists import list_warnings


class DataChecks(Stage):
    """Warns of tasks with few rows, unlike parts, and predictors that may hold a label."""

    def check(self, prepared: Prepared, job: Job) -> Iterator[str]:
        """Yield the warnings."""
        yield from list_warnings(prepared)
        yield from rare_tasks(prepared, job.config.training)
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
