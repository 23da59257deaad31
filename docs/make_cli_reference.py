"""Write docs/cli.md, the reference of the command line, from the output of `--help`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automtl_cli.app import program

PAGE = Path(__file__).parent / "cli.md"
WIDTH = 100
HEAD = """# Command line

`make docs` writes this page from the output of `--help`. See also the [exit codes](exit-codes.md).
"""


def page() -> str:
    """Return the text of docs/cli.md."""
    return HEAD + "".join(_sections(program(), "automtl", None))


def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:
    """Yield one section for a command and each below it."""
    how = {**command.context_settings, "terminal_width": WIDTH}
    context = command.context_class(command, info_name=name, parent=parent, **how)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"\n## {context.command_path}\n\n```text\n{text}\n```\n"
    for below, found in getattr(command, "commands", {}).items():
        yield from _sections(found, below, context)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
