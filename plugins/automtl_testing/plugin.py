"""Registers the commands for authors of plugins."""

from collections.abc import Mapping

from automtl_core import hookimpl
from automtl_core.registry.kinds import Reference


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return the commands by their words."""
    line = "Write a plugin project with an example, a test and a README."
    return {"new": Reference(f"{__package__}.commands:new_plugin", line)}
