"""Contract of commands."""

from typing import Any

import typer

from automtl_core.commands import command


def check_command(function: Any, name: str, line: str | None = None) -> None:
    """Check that a command can be built, and that its help describes it and each of its options.

    Args:
        function: A function with options, or an app of typer.
        name: Its words, such as `doctor` or `data init`.
        line: The line of its `Reference`, if it has one.

    """
    if isinstance(function, typer.Typer):
        made: Any = typer.main.get_group(function)
    else:
        made = command(function, name.split()[-1], lambda output, as_json: None)
        with made.make_context(name, ["--help"], resilient_parsing=True) as context:
            assert name in made.get_help(context), "its help does not name it"
    first = (made.help or "").strip().partition("\n")[0]
    assert first, "it has no description: write a docstring, whose first line `automtl --help` shows"
    differs = f"its reference has the line {line!r}, its docstring begins {first!r}"
    assert line is None or line == first, differs
    for option in made.params:
        assert getattr(option, "help", None), f"the option {option.name!r} has no help text"
