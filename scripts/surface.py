"""Print the number of commands of the command line, and of their options without `--help`.

    python scripts/surface.py

A group that does something without a further word is a command too.
"""

from collections.abc import Iterator
from typing import Any

from automtl_cli.app import program


def commands(above: Any) -> Iterator[Any]:
    """Yield the commands below a group."""
    for command in above.commands.values():
        below = hasattr(command, "commands")
        if not below or command.invoke_without_command:
            yield command
        if below:
            yield from commands(command)


def options(command: Any) -> list[str]:
    """Return the options of a command."""
    return [
        param.name for param in command.params if param.param_type_name == "option" and param.name != "help"
    ]


def main() -> None:
    """Print both numbers."""
    found = list(commands(program()))
    print(f"commands {len(found)}")
    print(f"options {sum(len(options(command)) for command in found)}")


if __name__ == "__main__":
    main()
