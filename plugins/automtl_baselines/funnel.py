"""The order of the tasks in a funnel, for models that pass values from one task to the next."""

import itertools

from automtl_core.dataset.schema import Schema
from automtl_core.errors import UsageError


def funnel_steps(schema: Schema, model: str) -> list[tuple[int, int]]:
    """Return the column of each task that follows another one, and the column of the latter, in order.

    Args:
        schema: Schema of the tasks.
        model: Name of the model, for errors.

    Raises:
        UsageError: no task comes after another one, or the prediction of a task is no probability.

    """
    columns = {task.name: t for t, task in enumerate(schema.tasks)}
    steps = [(columns[task.name], columns[task.after]) for task in schema.funnel() if task.after]
    for t in itertools.chain(*steps):
        if not schema.tasks[t].type.probability:
            raise UsageError(
                f"{model} needs a funnel of binary tasks, and {schema.tasks[t].name!r} is of kind "
                f"{schema.tasks[t].kind}",
                fix="leave it out by dataset.tasks, take `after` out of dataset.labels where the dataset is "
                "`table`, or use another model, such as mmoe",
            )
    if not steps:
        raise UsageError(
            f"{model} needs a funnel of tasks that come after one another, and these tasks have no order",
            fix="if the dataset is `table`, add a setting like dataset.labels.purchase.after=click; "
            "otherwise use another model, such as mmoe, or a dataset whose tasks have an order",
        )
    return steps
