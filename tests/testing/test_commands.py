"""The contract of commands."""

from typing import Annotated

import pytest
import typer

from automtl_core.commands import Output
from automtl_testing import check_command


def good(name: Annotated[str, typer.Argument(help="Name.")]) -> Output:
    """Greet."""
    return Output(name, str)


def silent(name: Annotated[str, typer.Argument(help="Name.")]) -> Output:
    return Output(name, str)


def obscure(name: str) -> Output:
    """Greet."""
    return Output(name, str)


def test_a_command_describes_itself_and_its_options():
    check_command(good, "greet", "Greet.")
    check_command(typer.Typer(help="Greetings."), "greetings", "Greetings.")
    for function, line, problem in (
        (silent, None, "no description"),
        (obscure, None, "'name' has no help"),
        (good, "Say hello.", "its reference has the line 'Say hello.', its docstring begins 'Greet.'"),
    ):
        with pytest.raises(AssertionError, match=problem):
            check_command(function, "greet", line)
