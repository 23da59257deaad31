"""A plugin of automtl with the scheduler `example-scheduler`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_schedulers() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-scheduler": "example_scheduler.scheduler:Screening"}
