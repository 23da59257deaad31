"""The commands of `automtl data`; as in `app`, they import what takes long themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import options
from automtl_cli.output import emit

data_app = typer.Typer(rich_markup_mode=None, help="List, prepare, describe, check and export datasets.")


@data_app.command("list")
def list_datasets(as_json: options.AsJson = False) -> None:
    """List the datasets and their tasks."""
    from automtl_cli.data import catalogue

    emit(catalogue.datasets(), catalogue.view_datasets, as_json)


@data_app.command()
def show(
    name: options.Dataset,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a dataset: where to get it, files, fields, tasks, settings."""
    from automtl_cli import configuration
    from automtl_cli.data import catalogue

    chosen = configuration.chosen(name, data_dir, config, settings)
    emit(catalogue.dataset(chosen), catalogue.view_dataset, as_json)


@data_app.command()
def prepare(
    name: options.Dataset,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Read the raw files of a dataset, and store what searches need."""
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_core.views import data as views

    chosen = configuration.chosen(name, data_dir, config, settings, bad_rows, max_bad_rows)
    emit(data.about(data.prepared(chosen, memory_limit)), views.prepared, as_json)


@data_app.command()
def describe(
    name: options.Dataset,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a dataset holds, and what may be wrong with it.

    Rows, fields, labels and their correlations; then duplicates, labels that settle another one, and what
    predicts a task alone, as a field does that is known only afterwards. Prepares the dataset if need be.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_core.views import data as views

    chosen = configuration.chosen(name, data_dir, config, settings, bad_rows, max_bad_rows)
    emit(data.described(data.prepared(chosen, memory_limit)), views.described, as_json)


@data_app.command()
def sample(
    name: options.Dataset,
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="Rows to show.")] = 5,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the first training rows as a model sees them.

    Ids are shown as their values; what is rare or blank, and a missing label, as a dash. Rows are in the
    order of their fields. Prepares the dataset if need be.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_core.views import data as views

    chosen = configuration.chosen(name, data_dir, config, settings, bad_rows, max_bad_rows)
    emit(data.sampled(data.prepared(chosen, memory_limit), rows), views.sampled, as_json)


@data_app.command()
def validate(
    name: options.Dataset,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="File to write all faulty rows to.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check every row of the raw files of a dataset.

    The exit code is 65 if any is faulty, or more than --max-bad-rows with --bad-rows skip.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_core.views import data as views

    chosen = configuration.chosen(name, data_dir, config, settings, bad_rows, max_bad_rows)
    found = data.validated(chosen, out)
    emit(found, views.validated, as_json)
    data.check_valid(found)


@data_app.command()
def export(
    name: options.Dataset,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write, .csv or .parquet.")],
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the examples of a dataset as one table: fields, labels, time.

    It can be searched on like any table, and is what `predict` and `evaluate` take as --input.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_core.views import data as views

    chosen = configuration.chosen(name, data_dir, config, settings)
    emit(data.exported(chosen, out, memory_limit), views.exported, as_json)


@data_app.command()
def init(
    files: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A CSV, TSV or Parquet file, or a pattern of such in quotes."),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="NAME.yaml", help="File to write [named as FILE].")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Look at a table, and write settings to search on it.

    What each column is for is a guess, from the first 100,000 rows: it is there to be corrected.
    """
    from automtl_cli.data import init

    emit(init.init(files, out), init.view, as_json)
