"""The commands of `automtl plugins`. As in `app`, they import slow modules themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import options
from automtl_cli.output import emit

plugins_app = typer.Typer(rich_markup_mode=None)

KINDS = "op|space|strategy|scheduler|dataset|balancer|history-encoder|field|task-kind|metric|listener"


@plugins_app.callback(invoke_without_command=True)
def list_plugins(context: typer.Context, as_json: options.AsJson = False) -> None:
    """List the installed plugins, write a new one, or check one.

    Without a command, list the installed plugins, and why any of them failed to load.
    """
    from automtl_cli import listings
    from automtl_core.errors import UsageError

    if context.invoked_subcommand is None:
        emit(listings.plugins(), listings.view_plugins, as_json)
    elif as_json:
        raise UsageError(
            "--json must follow the command", f"automtl plugins {context.invoked_subcommand} ... --json"
        )


@plugins_app.command("new")
def new_plugin(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of the project, such as automtl-swish; its object is called `swish`."
        ),
    ],
    kind: Annotated[str, typer.Option(metavar=KINDS, help="Kind of the object that the plugin adds.")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder in which the folder NAME is created.")
    ] = Path(),
    as_json: options.AsJson = False,
) -> None:
    """Write a plugin project with a working example, tests and a README."""
    from automtl_cli.plugins import new

    emit(new.new(name, kind, out), new.view, as_json)


@plugins_app.command("check")
def check_plugin(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of a plugin, a distribution, or an object such as mlp-64 or mmoe."
        ),
    ],
    data_dir: options.DataDir = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="A.B=VALUE",
            help="Setting of the tested objects, such as strategy.epochs=2; repeatable.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Run the contract tests of an installed plugin, or of one of its objects.

    If a test fails, the exit code is 69.
    """
    from automtl_cli.plugins import check

    outcomes = check.check(name, settings or (), data_dir)
    emit(outcomes, check.view, as_json)
    check.end(name, outcomes)
