"""Hooks of the tasks plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_task_kinds() -> Mapping[str, str]:
    """Register counts, and times of which some are only known to be longer."""
    return {"poisson": "automtl_tasks.poisson:Poisson", "censored": "automtl_tasks.censored:Censored"}
