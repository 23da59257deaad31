"""The command line. What takes long to import is imported inside of the commands that need it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import automtl_core
from automtl_cli import options
from automtl_cli.data.app import data_app
from automtl_cli.errors import Stop, blamed, report
from automtl_cli.output import emit, lenient_streams
from automtl_cli.runs.app import runs_app
from automtl_cli.runs.commands import evaluate, export, predict, retrain, show
from automtl_core.training.process import set_up

COMPLETE = "_AUTOMTL_COMPLETE"
"""Environment variable by which a shell asks for completions."""

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=options.CONTEXT)
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")


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
    space: Annotated[str | None, typer.Option(metavar="NAME", help="Search space [preset default].")] = None,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Strategy [preset default].")] = None,
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Dataset [preset default].")] = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    retrain: Annotated[
        str | None,
        typer.Option(
            metavar="inherit|scratch",
            help="Train on with the weights of the search, or anew [as the strategy does].",
        ),
    ] = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    time_budget: options.TimeBudget = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Begin with what a run found."),
    ] = None,
    name: options.RunName = None,
    runs_dir: options.RunsDir = Path("runs"),
    resume: options.Resume = None,
    anyway: options.Anyway = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Search an architecture, train it, and test it once.

    Flags and --set go before the file, the file before the preset, the preset before the defaults.
    """
    from automtl_cli import configuration
    from automtl_cli.runs import actions, render

    named = {"space": space, "strategy": strategy, "dataset": dataset, "start": start and start.absolute()}
    seconds = configuration.seconds(time_budget)
    how = {"seed": seed, "precision": precision, "retrain": retrain, "time_budget": seconds}
    flags = {**named, "data_dir": data_dir, **how}
    layers = configuration.layers(preset, config, flags, settings)
    if resume is not None:
        given = any(layers) or name is not None or dry_run
        return emit(actions.resume(resume, anyway, given).to_json(), render.found, as_json)
    actions.check_not_resumed(anyway)
    line = actions.line()
    job = line.job(layers)
    if dry_run:
        return emit(render.planned(line.plan(job), job.config), render.plan, as_json)
    emit(line.search(job, runs_dir, name).to_json(), render.found, as_json)


@app.command()
def train(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="A space that asks nothing, or a run whose architecture to train anew."
        ),
    ] = None,
    pick: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of a run as MODEL, take point N of its front, as RUN@N does."),
    ] = None,
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Dataset [preset default].")] = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    time_budget: options.TimeBudget = None,
    name: options.RunName = None,
    runs_dir: options.RunsDir = Path("runs"),
    resume: options.Resume = None,
    anyway: options.Anyway = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Train one model without a search, and test it once.

    MODEL is a hand-designed model such as mmoe or ple, the folder of a run (RUN@N: point N of the front that
    its search kept, see `automtl show RUN`), or whatever compare takes. A run comes with its data and recipe.
    """
    from automtl_cli import configuration
    from automtl_cli.runs import actions, render

    seconds = configuration.seconds(time_budget)
    how = {"seed": seed, "precision": precision, "time_budget": seconds}
    flags = {"dataset": dataset, "data_dir": data_dir, **how}
    layers = configuration.layers(None, config, flags, settings)
    if resume is not None:
        given = any(layers) or (model, pick, name, preset) != (None,) * 4 or dry_run
        return emit(actions.resume(resume, anyway, given).to_json(), render.found, as_json)
    actions.check_not_resumed(anyway)
    line = actions.line()
    job = line.model(actions.check_named(model, pick), layers, configuration.preset(preset))
    if dry_run:
        return emit(render.planned(line.plan(job), job.config), render.plan, as_json)
    emit(line.search(job, runs_dir, name).to_json(), render.found, as_json)


@app.command()
def compare(
    models: Annotated[
        str,
        typer.Option(
            metavar="MODEL,...",
            help="Spaces that ask nothing, SPACE:STRATEGY, random-architecture, RUN, RUN@N, YAML files.",
        ),
    ],
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Dataset [preset default].")] = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Runs of each model.")] = 3,
    seed: options.Seed = None,
    precision: options.Precision = None,
    time_budget: options.TimeBudget = None,
    splits: Annotated[
        int, typer.Option(metavar="N", min=1, help="Splits of the data, each with all seeds.")
    ] = 1,
    tune: Annotated[
        int, typer.Option(metavar="N", min=0, help="Settings that each model tries on validation data.")
    ] = 0,
    reference: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model that the others are compared with [the first].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of the outcome [comparisons/DATASET].")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare models on the same rows, with error bars and a verdict.

    What is there already is not computed again: a comparison that was stopped goes on, and a longer one adds
    what is new. Several processes that are given the same command share the work. Writes compare.json,
    compare.csv and compare.md.
    """
    from automtl_cli import configuration
    from automtl_cli.runs import comparison
    from automtl_core.comparison.wanted import Wanted

    flags = {"dataset": dataset, "data_dir": data_dir, "seed": seed, "precision": precision}
    layers = configuration.layers(None, config, flags, settings)
    names = [name for name in models.split(",") if name]
    chosen, seconds = configuration.preset(preset), configuration.seconds(time_budget)
    wanted = Wanted(names, seeds, splits, tune, reference, out, chosen, seconds)
    emit(comparison.compare(wanted, layers), comparison.render, as_json)


for command in (predict, evaluate, export, retrain, show):
    app.command()(command)


@app.command()
def plugins(as_json: options.AsJson = False) -> None:
    """List the installed plugins, and why one is not loaded."""
    from automtl_cli import listings

    emit(listings.plugins(), listings.render_plugins, as_json)


@app.command("list")
def list_names(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="ops, spaces, strategies, ...")],
    as_json: options.AsJson = False,
) -> None:
    """List ops, spaces, strategies, datasets or presets."""
    from automtl_cli import listings

    emit(listings.names(kind), listings.render_names, as_json)


@app.command("settings")
def explain_settings(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="space, strategy, dataset, inputs, training or run.")
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of the space, strategy or dataset.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Explain settings: what they are, what they take, their defaults.

    Without NAME, list the spaces, strategies or datasets that there are.
    """
    from automtl_cli import settings

    found, render = settings.answer(kind, name)
    emit(found, render, as_json)


def run(arguments: Sequence[str], stop: Stop) -> int:
    """Run one command, and return its exit code."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("automtl", list(arguments)) as context:
            command.invoke(context)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except SystemExit as end:
        # That of `--show-completion` ends the command; a plugin must not.
        return report(end, stop) if blamed(end) else int(end.code or 0)
    except BaseException as error:
        return report(error, stop)


def main() -> None:
    """Run the command that the process was started with."""
    set_up()
    lenient_streams()
    stop = Stop()
    stop.listen()
    if COMPLETE in os.environ:
        app(prog_name="automtl")
    sys.exit(run(sys.argv[1:], stop))
