"""The commands of `automtl data`; as in `app`, they import what takes long themselves."""

from pathlib import Path
from typing import Annotated

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


@data.command()
def init(
    files: Annotated[
        str, typer.Argument(metavar="FILE", help="A CSV, TSV or Parquet file, or a pattern of such in quotes.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="NAME.yaml", help="File to write [named as FILE].")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Look at a table of one's own, and write settings for a search on it.

    What each column is for is a guess, from the first 100,000 rows: it is there to be corrected.
    """
    from automtl_cli import init

    emit(init.init(files, out), init.render, as_json)
