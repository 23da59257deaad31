"""Registers the commands for authors of plugins."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return the commands by their words."""
    return {f"plugins {word}": f"{__package__}.commands:{word}_plugin" for word in ("new", "check")}
