"""The commands of `automtl data`. What takes long to import is imported inside of the commands that need it."""

import typer

from automtl_cli import options
from automtl_cli.output import emit

data = typer.Typer(rich_markup_mode=None, help="List, prepare, describe, check and simulate datasets.")


@data.command()
def prepare(
    name: options.Dataset,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    as_json: options.AsJson = False,
) -> None:
    """Read the raw files of a dataset, and store what searches need."""
    from automtl_cli import render, work

    prepared = work.prepare_by_name(name, data_dir, config, settings)
    emit(work.about(prepared), render.prepared, as_json)


@data.command()
def describe(
    name: options.Dataset,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    as_json: options.AsJson = False,
) -> None:
    """Show rows, vocabularies, rates of labels and more; prepares the dataset if need be."""
    from automtl_cli import render, work

    prepared = work.prepare_by_name(name, data_dir, config, settings)
    emit(work.described(prepared), render.described, as_json)
