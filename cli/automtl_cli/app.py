"""The command line. What takes long to import is imported inside of the commands that need it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import automtl_core
from automtl_cli import options
from automtl_cli.errors import Stop, report
from automtl_cli.output import emit, lenient_streams

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
data = typer.Typer(rich_markup_mode=None, help="Prepare a dataset, or describe it.")
app.add_typer(data, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"automtl {automtl_core.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Design multi-task recommendation models by neural architecture search."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def search(
    space: Annotated[str | None, typer.Option(metavar="NAME", help="Search space [desan].")] = None,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Search strategy [pd-darts].")] = None,
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Dataset [synthetic].")] = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of everything random [0].")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the run [DATASET-1, DATASET-2, ...].")
    ] = None,
    runs_dir: Annotated[
        Path, typer.Option(metavar="FOLDER", envvar="AUTOMTL_RUNS", help="Folder of the runs.")
    ] = Path("runs"),
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run that was stopped.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Search an architecture, train it, and test it once.

    Flags and --set go before the file, the file before the preset, the preset before the defaults.
    """
    from automtl_cli import render, work

    flags = {"space": space, "strategy": strategy, "dataset": dataset, "data_dir": data_dir, "seed": seed}
    layers = work.layers(preset, config, flags, settings)
    if resume is not None:
        run = work.reopen(resume, also_given=any(layers) or name is not None or dry_run)
        job = work.job_of(run)
        prepared = work.prepare(job)
    else:
        job = work.job(layers)
        prepared = work.prepare(job)
        if dry_run:
            return emit(work.plan(job, prepared), render.plan, as_json)
        run = work.create(job, prepared, runs_dir, name)
    emit(work.search(job, run, prepared), render.found, as_json)


@app.command()
def evaluate(run: options.Run, data_dir: options.DataDir = None, as_json: options.AsJson = False) -> None:
    """Test the network of a finished run again, from its files alone.

    The metrics must be exactly those that the run recorded; otherwise the exit code is 65.
    """
    from automtl_cli import render, work

    outcome = work.evaluate(run, data_dir)
    emit(outcome, render.evaluated, as_json)
    work.check_repeated(outcome)


@app.command()
def show(run: options.Run, as_json: options.AsJson = False) -> None:
    """Show the architecture of a run, or of an architecture.json, and who shares what."""
    from automtl_cli import architecture

    emit(architecture.read(run), architecture.render, as_json)


@app.command()
def plugins(as_json: options.AsJson = False) -> None:
    """List the installed plugins, and why one is not loaded."""
    from automtl_cli import listings

    emit(listings.plugins(), listings.render_plugins, as_json)


@app.command("list")
def list_names(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="ops, spaces, strategies or datasets.")],
    as_json: options.AsJson = False,
) -> None:
    """List what can be named: ops, search spaces, strategies or datasets."""
    from automtl_cli import listings

    emit(listings.names(kind), listings.render_names, as_json)


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


def run(arguments: Sequence[str], stop: Stop) -> int:
    """Run one command, and return its exit code."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("automtl", list(arguments)) as context:
            command.invoke(context)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except BaseException as error:
        return report(error, stop)


def main() -> None:
    """Run the command that the process was started with."""
    # Threads that spin while they wait make a search ten times slower where other processes use the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    lenient_streams()
    stop = Stop()
    stop.listen()
    sys.exit(run(sys.argv[1:], stop))
