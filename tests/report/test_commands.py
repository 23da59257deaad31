"""Functions as commands."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from automtl_report.commands import Output, command


@dataclass(frozen=True)
class Place:
    """A group of options."""

    city: Annotated[str, typer.Option(help="City.")]
    lit: Annotated[bool, typer.Option("--lit", help="Whether there is light.")] = False


def visit(place: Place, name: Annotated[str, typer.Argument(help="Name.")] = "you") -> Output | None:
    """Visit a place."""
    return None if place.city == "none" else Output({"place": place, "name": name}, str)


def silent(name: Annotated[str, typer.Argument(help="Name.")]) -> None:
    """Print nothing."""


def ended(function, *arguments):
    shown = []
    made = command(function, "visit", lambda output, as_json: shown.append((output, as_json)))
    made.main(list(arguments), standalone_mode=False)
    return shown


def test_the_fields_of_a_group_are_options():
    ((output, as_json),) = ended(visit, "--city", "Rome", "--lit", "me")
    assert (output.document, as_json) == ({"place": Place("Rome", True), "name": "me"}, False)
    with pytest.raises(typer.TyperException, match="city"):
        ended(visit, "me")


def test_a_command_with_an_output_takes_json_as_its_help_says():
    ((output, as_json),) = ended(visit, "--city", "Rome", "--json")
    assert (output.document["name"], as_json) == ("you", True)
    assert ended(visit, "--city", "none") == []
    with pytest.raises(typer.TyperException, match="--json"):
        ended(silent, "x", "--json")
    made = command(visit, "visit", lambda output, as_json: None)
    with made.make_context("visit", [], resilient_parsing=True) as context:
        help = made.get_help(context)
    assert help.splitlines()[0] == "Usage: visit --city CITY [NAME] [OPTIONS]"
    assert help.endswith("--help       Show this message; --json prints one JSON document.")
    assert "--json  " not in help
