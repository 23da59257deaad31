"""Hooks of the engines plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_engines() -> Mapping[str, str]:
    """Register processes of this machine."""
    return {"processes": "automtl_engines.processes:Processes"}
