"""The command line. Commands import slow modules themselves, so that others start fast."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

import automtl_core
from automtl_cli import completion, options
from automtl_cli.config.app import config_app
from automtl_cli.data.app import data_app
from automtl_cli.doctor.app import doctor
from automtl_cli.errors import Stop, blamed, report
from automtl_cli.output import emit, lenient_streams
from automtl_cli.plugins.app import plugins_app
from automtl_cli.runs import commands
from automtl_cli.runs.app import runs_app
from automtl_core.distributed import joined, muted, processes
from automtl_core.errors import InputMissingError, UsageError, listing
from automtl_core.training.process import set_up

PARALLEL = ("search", "train", "compare")
"""Commands that several processes may run together."""
COMPLETE = "_AUTOMTL_COMPLETE"
"""Environment variable by which a shell requests completions."""

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=options.CONTEXT)
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
app.add_typer(plugins_app, name="plugins")
app.add_typer(config_app, name="config")


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
    space: options.Space = None,
    strategy: options.Strategy = None,
    ensemble: options.Ensemble = None,
    dataset: options.DatasetName = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    retrain: Annotated[
        str | None,
        typer.Option(
            metavar="inherit|scratch",
            help="Initial weights of the final training: those of the search, or new ones [by strategy].",
        ),
    ] = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    device: options.Device = None,
    time_budget: options.TimeBudget = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Warm start: run whose decisions and weights the search begins with.",
            autocompletion=completion.runs,
        ),
    ] = None,
    name: options.RunName = None,
    runs_dir: options.RunsDir = Path("runs"),
    resume: options.Resume = None,
    anyway: options.Anyway = False,
    workers: options.Workers = None,
    engine: options.Engine = None,
    address: options.Address = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Search for an architecture, train it, and score the test rows.

    Options and --set take precedence over --config, --config over --preset, and --preset over the defaults.
    If a file has `name:` under `space:`, the settings beside it apply only to a search of that space. Without
    `name:` they apply to the space of this search. The same holds for strategies, datasets and balancers.

    With --workers, the encoding search and the final comparison of candidates run in parallel. The training
    of a supernet is one process.
    """
    from automtl_cli import configuration
    from automtl_cli.runs.workers import chosen

    named = {
        "space": space,
        "strategy": strategy,
        "dataset": dataset,
        "warm_start": start and start.absolute(),
    }
    seconds = configuration.seconds(time_budget)
    how = {"seed": seed, "precision": precision, "device": device, "retrain": retrain}
    flags = {**named, "data_dir": data_dir, **how, "time_budget": seconds}
    side_by_side, settings = chosen(workers, engine, address, settings)
    layers = configuration.layers(preset, config, flags, settings)
    if resume is None:
        configuration.check(layers)
    from automtl_cli.runs import actions  # which imports torch
    from automtl_core.views.run import outcome
    from automtl_core.workflow.models import ensemble_layer

    if resume is not None:
        given = any(layers) or (name, ensemble) != (None, None) or dry_run
        with side_by_side.workflow() as flow:
            return emit(actions.resume(flow, resume, anyway, given), outcome, as_json)
    actions.check_not_resumed(anyway)
    with side_by_side.workflow() as flow:
        job = flow.job([*layers, ensemble_layer(ensemble, layers, flow.registry)])
        if dry_run:
            return actions.plan(flow, job, name, as_json)
        emit(flow.search(job, runs_dir, name), outcome, as_json)


@app.command()
def train(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Hand-designed model such as mmoe, or a run whose architecture is retrained.",
            autocompletion=completion.models,
        ),
    ] = None,
    pick: Annotated[
        int | None,
        typer.Option(metavar="N", help="Point of the Pareto front, if MODEL is a run; the same as RUN@N."),
    ] = None,
    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="accuracy|balanced|cost",
            help="Point of the Pareto front: the cheapest one within 0, 0.001 or 0.005 of the best AUC.",
        ),
    ] = None,
    max_flops: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Point of the Pareto front: the best one within a limit of N FLOPs per row."
        ),
    ] = None,
    max_ms: Annotated[
        float | None,
        typer.Option(
            metavar="MS",
            min=0,
            help="Point of the Pareto front: the best one that predicts 1,000 rows in MS milliseconds here.",
        ),
    ] = None,
    dataset: options.DatasetName = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    device: options.Device = None,
    time_budget: options.TimeBudget = None,
    name: options.RunName = None,
    runs_dir: options.RunsDir = Path("runs"),
    resume: options.Resume = None,
    anyway: options.Anyway = False,
    workers: options.Workers = None,
    engine: options.Engine = None,
    address: options.Address = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Train one model without a search, and score the test rows.

    MODEL is a hand-designed model such as mmoe or ple, the folder of a run, point N of the Pareto front of a
    run (RUN@N, see `automtl show RUN`), or any other model of `automtl compare`. A run brings its dataset and
    its training settings. With --workers, the encoding search runs in parallel.
    """
    from automtl_cli import configuration
    from automtl_cli.runs.workers import chosen

    seconds = configuration.seconds(time_budget)
    how = {"seed": seed, "precision": precision, "device": device, "time_budget": seconds}
    flags = {"dataset": dataset, "data_dir": data_dir, **how}
    side_by_side, settings = chosen(workers, engine, address, settings)
    layers, below = configuration.layers(None, config, flags, settings), configuration.preset(preset)
    if model is not None:
        configuration.check([below, *layers], model)
    from automtl_cli.runs import actions  # which imports torch
    from automtl_core.views.run import outcome

    if resume is not None:
        given = (
            any(layers) or (model, pick, prefer, max_flops, max_ms, name, preset) != (None,) * 7 or dry_run
        )
        with side_by_side.workflow() as flow:
            return emit(actions.resume(flow, resume, anyway, given), outcome, as_json)
    actions.check_not_resumed(anyway)
    named = actions.check_named(model, pick, prefer, max_flops, max_ms)
    with side_by_side.workflow() as flow:
        job = flow.model(named, layers, below)
        if dry_run:
            return actions.plan(flow, job, name, as_json)
        emit(flow.search(job, runs_dir, name), outcome, as_json)


@app.command()
def compare(
    models: Annotated[
        str,
        typer.Option(
            metavar="MODEL,...",
            help="Models: hand-designed ones, SPACE:STRATEGY, random-architecture, RUN, RUN@N or YAML files; "
            "MODEL+BALANCER adds a balancer.",
            autocompletion=completion.models,
        ),
    ],
    dataset: options.DatasetName = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of seeds: trainings of each model on each split.")
    ] = 3,
    seed: options.Seed = None,
    precision: options.Precision = None,
    device: options.Device = None,
    time_budget: options.TimeBudget = None,
    splits: Annotated[int, typer.Option(metavar="N", min=1, help="Number of random splits of the data.")] = 1,
    tune: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Tuning: number of hyperparameter trials of each model, on validation rows.",
        ),
    ] = 0,
    reference: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Baseline of all differences [the first model].")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of trainings and tables [comparisons/NAME, with the name of the "
            "configuration file or else of the dataset].",
        ),
    ] = None,
    workers: options.Workers = None,
    engine: options.Engine = None,
    address: options.Address = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare models on the same rows, with confidence intervals.

    The tables go to compare.json, compare.csv and compare.md. The same command continues an interrupted
    comparison and reuses every training. The folder of a comparison with other settings or data is refused.
    With --workers, trainings, tests and the encoding search run in parallel. Several processes with the same
    command share the work, too.
    """
    from automtl_cli import configuration
    from automtl_cli.runs.workers import chosen

    side_by_side, settings = chosen(workers, engine, address, settings)
    how = {"seed": seed, "precision": precision, "device": device}
    flags = {"dataset": dataset, "data_dir": data_dir, **how}
    layers = configuration.layers(None, config, flags, settings)
    names = [name for name in models.split(",") if name]
    below, seconds = configuration.preset(preset), configuration.seconds(time_budget)
    called = None if config is None else config.stem
    if names:
        configuration.check([below, *layers], *names)
    from automtl_cli.runs import comparison  # which imports torch
    from automtl_comparison.spec import ComparisonSpec

    wanted = ComparisonSpec(names, seeds, splits, tune, reference, out, called, below, seconds, workers or 1)
    with side_by_side.workflow() as flow:
        comparison.compare(flow, wanted, layers, as_json)


for command in (
    commands.predict,
    commands.evaluate,
    commands.export,
    commands.retrain,
    commands.show,
    commands.report,
    commands.watch,
    doctor,
):
    app.command()(command)


@app.command("list")
def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="Kind: ops, spaces, strategies, schedulers, datasets, balancers, metrics, listeners, "
            "engines or presets.",
        ),
    ],
    as_json: options.AsJson = False,
) -> None:
    """List the registered names of a kind, such as ops or metrics."""
    from automtl_cli import listings

    emit(listings.names(kind), listings.view_names, as_json)


@app.command("settings")
def explain_settings(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="Kind: space, strategy, dataset, balancer, features, training, encoding_search, importance, "
            "engine or run.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Name of the space, strategy, dataset or balancer.",
            autocompletion=completion.components,
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Explain settings: description, values, default, tuning range.

    Without NAME, list the spaces, strategies, datasets or balancers.
    """
    from automtl_cli import settings

    document, view = settings.answer(kind, name)
    emit(document, view, as_json)


@cache
def program() -> Any:
    """Return the tree of all commands, which takes as long to build as many a command takes."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str], stop: Stop) -> int:
    """Run one command and return its exit code."""
    try:
        _check_folder()
        with joined(), muted():
            _check_parallel(arguments)
            with program().make_context("automtl", list(arguments)) as context:
                program().invoke(context)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except SystemExit as end:
        # `--show-completion` may end the command this way, but a plugin must not.
        return report(end, stop) if blamed(end) else int(end.code or 0)
    except BaseException as error:
        return report(error, stop)


def _check_folder() -> None:
    """Check that the current folder exists, without which torch ends the process.

    Raises:
        InputMissingError: it does not.

    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputMissingError("the current folder was removed", "change to another folder: cd") from None


def _check_parallel(arguments: Sequence[str]) -> None:
    """Check that several processes run a command that trains.

    Raises:
        UsageError: the command is another one.

    """
    name = next(iter(arguments), "")
    if processes() > 1 and name not in PARALLEL:
        raise UsageError(
            f"torchrun starts {listing(PARALLEL)}, not {name!r}", "run it as one process: automtl"
        )


def main() -> None:
    """Run the command that the process was started with."""
    set_up()
    lenient_streams()
    stop = Stop()
    stop.listen()
    if COMPLETE in os.environ:
        app(prog_name="automtl")
    sys.exit(run(sys.argv[1:], stop))
