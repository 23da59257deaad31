"""Which task comes after which: models of a funnel pass something on along these steps."""

import itertools

from automtl_core.dataset.schema import Schema
from automtl_core.errors import UsageError


def funnel_steps(schema: Schema, model: str) -> list[tuple[int, int]]:
    """Return the columns of each task that comes after another and of that other, earlier steps first.

    Raises:
        UsageError: no task comes after another, or one of those that do is a regression; `model` is the name
            of the one that needs probabilities in order.

    """
    columns = {task.name: t for t, task in enumerate(schema.tasks)}
    steps = [(columns[task.name], columns[task.after]) for task in schema.funnel() if task.after]
    for t in itertools.chain(*steps):
        if schema.tasks[t].kind == "regression":
            raise UsageError(
                f"{model} needs tasks with probabilities to come after one another, and "
                f"{schema.tasks[t].name!r} is a regression",
                fix="leave it out by dataset.tasks, take `after` out of dataset.labels where the dataset is "
                "`table`, or use another model, such as mmoe",
            )
    if not steps:
        raise UsageError(
            f"{model} needs tasks that come after one another, and those that are learned have no order",
            fix="where the dataset is `table`, say so by a setting like dataset.labels.purchase.after=click; "
            "otherwise use another model, such as mmoe, or a dataset whose tasks have an order",
        )
    return steps
