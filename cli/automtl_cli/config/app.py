"""The commands of `automtl config`. As in `app`, they import slow modules themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import options
from automtl_cli.output import emit

config_app = typer.Typer(rich_markup_mode=None, help="Show, check, describe and create configuration files.")

Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODEL", help="Model of `automtl train`, such as mmoe, in place of a search."
    ),
]


@config_app.command()
def show(
    space: options.Space = None,
    strategy: options.Strategy = None,
    model: Model = None,
    dataset: options.DatasetName = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Print the origin of each value: a layer, or a line of a file.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Print the configuration of a search or a training, with all defaults.

    The options are those of `automtl search` and `automtl train`, and no data is read. Settings that are
    `auto` get their values later, in the encoding search. The output can be a --config file.
    """
    from automtl_cli.config import resolved

    flags = {"space": space, "strategy": strategy, "dataset": dataset, "data_dir": data_dir}
    request = resolved.Request(model, preset, config, flags, settings)
    emit(resolved.resolved(request, origin), resolved.view_resolved, as_json)


@config_app.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file for --config.")],
    model: Model = None,
    as_json: options.AsJson = False,
) -> None:
    """Check a configuration file, and list all faults.

    The checks are those of `automtl search`, or with --model those of `automtl train`, before data is read.
    The exit code is 2 if the file has faults.
    """
    from automtl_cli.config import resolved

    result = resolved.checked(file, model)
    emit(result, resolved.view_checked, as_json)
    resolved.check_valid(result)


@config_app.command()
def schema() -> None:
    """Print a JSON schema of configuration files, for completion and checks in an editor.

    It describes the settings of all installed plugins.
    """
    from automtl_cli.config.schema import schema as document
    from automtl_core.views.values import lines

    emit(document(), lambda _: lines(), as_json=True)


@config_app.command()
def init(
    out: Annotated[Path, typer.Option(metavar="FILE.yaml", help="Output file.")] = Path("automtl.yaml"),
    as_json: options.AsJson = False,
) -> None:
    """Write a configuration file with the important settings, their defaults and descriptions."""
    from automtl_cli.config import template

    emit(template.init(out), template.view, as_json)
