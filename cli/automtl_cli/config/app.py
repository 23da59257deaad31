"""The commands of `automtl config`. They import slow modules themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import options
from automtl_cli.output import emit
from automtl_core.commands import Output, argument, flag, option
from automtl_core.errors import UsageError

config = typer.Typer(rich_markup_mode=None, help="Show, check, describe and create configuration files.")

Model = Annotated[
    str | None, option("MODEL", "Model of `automtl train`, such as mmoe, in place of a search.")
]


def show(
    *,
    searched: options.Searched,
    model: Model = None,
    configuration: options.Configuration,
    origin: bool = flag("--origin", "Print the origin of each value: a layer, or a line of a file."),
) -> Output:
    """Print the configuration of a search or a training, with all defaults.

    The options are those of `automtl search` and `automtl train`, and no data is read. Settings that are
    `auto` get their values later, in the encoding search. The output can be a --config file.
    """
    from automtl_cli.config import resolved

    request = resolved.Request(configuration, model, vars(searched))
    return Output(resolved.resolved(request, origin), resolved.view_resolved)


def validate(
    file: Path = argument("FILE", "YAML file for --config.", default=...), model: Model = None
) -> Output:
    """Check a configuration file, and list all faults.

    The checks are those of `automtl search`, or with --model those of `automtl train`, before data is read.
    The exit code is 2 if the file has faults.
    """
    from automtl_cli.config import resolved

    result = resolved.checked(file, model)
    count = len(result["faults"])
    faults = f"{count} fault{'s' * (count > 1)}"
    error = UsageError(f"{file}: {faults}", "see the remedy of each fault") if count else None
    return Output(result, resolved.view_checked, error)


def schema() -> None:
    """Print a JSON schema of configuration files, for completion and checks in an editor.

    It describes the settings of all installed plugins.
    """
    from automtl_cli.config.schema import schema as document

    emit(document(), lambda _: (), as_json=True)


def init(out: Path = option("FILE.yaml", "Output file.", default=Path("automtl.yaml"))) -> Output:
    """Write a configuration file with the important settings, their defaults and descriptions."""
    from automtl_cli.config import resolved

    return Output(resolved.write_template(out), resolved.view_template)
