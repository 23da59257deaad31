"""A plugin of automtl with the task kind `example-task-kind`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_task_kinds() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-task-kind": "example_task_kind.task_kind:Median"}
