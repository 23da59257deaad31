"""A plugin of automtl with the command `example-command`."""

from collections.abc import Mapping

from automtl_core.plugin import Reference, hookimpl


@hookimpl
def automtl_register_commands() -> Mapping[str, str]:
    """Return a reference by words, with the line that `automtl --help` shows without an import."""
    line = "Show the test score of each task of a run."
    return {"example-command": Reference("example_command.command:scores", line)}
