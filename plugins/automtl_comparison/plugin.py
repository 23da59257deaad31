"""Registers the command of boards."""

from collections.abc import Mapping

from automtl_core import hookimpl
from automtl_core.registry.kinds import Reference


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return the command by its word."""
    line = "Judge a model on the rows of a board, or show the models of the board."
    return {"board": Reference(f"{__package__}.commands:board", line)}
