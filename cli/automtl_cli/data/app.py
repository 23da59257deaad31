"""The commands of `automtl data`. As in `app`, they import slow modules themselves."""

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
    """Show a dataset: source, raw files, fields, tasks, settings."""
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
    """Prepare a dataset: encode its raw files and store them."""
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_inspection import views

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
    """Describe a dataset: rows, fields, labels, and suspected faults.

    Suspected faults are duplicates, labels that determine another label, unseen ids, and fields that predict
    a task alone (label leakage). The command prepares the dataset if necessary.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_inspection import views

    chosen = configuration.chosen(name, data_dir, config, settings, bad_rows, max_bad_rows)
    emit(data.described(data.prepared(chosen, memory_limit)), views.described, as_json)


@data_app.command()
def sample(
    name: options.Dataset,
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="Number of rows.")] = 5,
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the first training rows as a model receives them.

    Ids are shown as their values. A dash is a rare or blank value, or a missing label. The command prepares
    the dataset if necessary.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_inspection import views

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
        Path | None, typer.Option(metavar="FILE.csv", help="Output file for all faulty rows.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check every row of the raw files of a dataset.

    The exit code is 65 if a row is faulty, or with --bad-rows skip if more than --max-bad-rows are.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_inspection import views

    chosen = configuration.chosen(name, data_dir, config, settings, bad_rows, max_bad_rows)
    result = data.validated(chosen, out)
    emit(result, views.validated, as_json)
    data.check_valid(result)


@data_app.command()
def export(
    name: options.Dataset,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file, .csv or .parquet.")],
    data_dir: options.DataDir = None,
    config: options.File = None,
    settings: options.Settings = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the examples of a dataset as one table.

    The table can be searched like any other, and can be the --input of `predict` and `evaluate`.
    """
    from automtl_cli import configuration
    from automtl_cli.data import actions as data
    from automtl_inspection import views

    chosen = configuration.chosen(name, data_dir, config, settings)
    emit(data.exported(chosen, out, memory_limit), views.exported, as_json)


@data_app.command()
def init(
    files: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Table: a CSV, TSV or Parquet file, or a file pattern in quotes."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="NAME.yaml", help="Output file [the name of FILE].")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Columns to predict, such as click,buy [a guess]."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing configuration.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Write settings for a table, with guesses of roles.

    The guess uses the first 100,000 rows. Check and correct it.
    """
    from automtl_cli.data import init

    emit(init.init(files, out, labels, force), init.view, as_json)
