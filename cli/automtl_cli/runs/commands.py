"""The commands on one finished run. As in `app`, they import slow modules themselves."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from automtl_cli import options
from automtl_cli.output import emit


def of_run(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with a check of its run before slow modules are imported."""

    @wraps(command)
    def checked(run: Path, **options: Any) -> None:
        from automtl_core.run_dir.folders import check_run

        if not run.is_file():  # as `show` takes an architecture.json
            check_run(run)
        command(run, **options)

    return checked


@of_run
def predict(
    run: options.Run,
    files: options.Input,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Output file, .csv or .parquet.")],
    keep: Annotated[
        str,
        typer.Option(metavar="COLUMN,...", help="Columns of the input to copy to the output, such as an id."),
    ] = "",
    history: options.History = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Predict new rows with the network of a run.

    The input has one column for each field that the network reads, as `automtl data sample` shows them.
    Labels are optional, other columns are ignored. Values outside the vocabulary are unseen ids; a warning
    names a column of 100 values or more that are all unseen. For a network that reads histories, the file of
    --history is written as the events of the training, with the columns of the user, the time, the fields and
    the actions; the rows then have a time too. The output has one row for each input row, in the same order,
    except for rows that --bad-rows skip leaves out: a probability for each binary task, a number for each
    regression. For a task that counts only if another label is 1, the column `buy_given_click` is the
    conditional probability, and `click_and_buy` that of both.
    """
    from automtl_cli.runs import new_rows
    from automtl_core.views.outcome import predicted
    from automtl_core.workflow.new_rows import skippable

    most = skippable(bad_rows, max_bad_rows)
    result = new_rows.predict(
        run, files, output, [name for name in keep.split(",") if name], most, memory_limit, history
    )
    emit(result, predicted, as_json)


@of_run
def evaluate(
    run: options.Run,
    data_dir: options.DataDir = None,
    files: options.NewInput = None,
    history: options.History = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Metrics in place of those of the run, such as gauc,ndcg-5; see `automtl list metrics`.",
        ),
    ] = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    as_json: options.AsJson = False,
) -> None:
    """Recompute the test metrics of a run, or test it on new rows.

    The exit code is 65 if the metrics are not exactly the recorded ones. With --input, the network is tested
    on new labelled rows instead.
    """
    from automtl_cli.runs import actions, new_rows
    from automtl_core.views import outcome
    from automtl_core.workflow.new_rows import skippable

    names = None if metrics is None else [name for name in metrics.split(",") if name]
    if files is not None:
        most = skippable(bad_rows, max_bad_rows)
        tested = new_rows.measure(run, files, data_dir, most, names, history)
        return emit(tested, outcome.tested, as_json)
    new_rows.check_no_input(bad_rows, max_bad_rows, history)
    result = actions.workflow().evaluate(run, data_dir, names)
    emit(result, outcome.evaluation, as_json)
    actions.check_repeated(result)


@of_run
def export(
    run: options.Run,
    form: Annotated[
        str, typer.Option("--format", metavar="onnx|torch", help="Format of the network.")
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Output folder [exports/RUN-FORMAT].")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Export the network of a run, to serve without automtl.

    The folder holds the network, its encoder and vocabularies, an example and a model card. The command
    checks the exported network against the original one on test rows, or on random rows without prepared
    data.
    """
    from automtl_cli.runs import exporting

    emit(exporting.export(run, form, out), exporting.view, as_json)


@of_run
def retrain(
    run: options.Run,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of trainings, each with its own seed.")
    ] = 1,
    data_dir: options.DataDir = None,
    settings: options.Settings = None,
    runs_dir: options.RunsDir = Path("runs"),
    as_json: options.AsJson = False,
) -> None:
    """Train the architecture of a run again, also on newer data.

    Dataset and training settings are those of the run, unless --data-dir or --set change them. Vocabularies
    are built from the new data. Each training is a separate run.
    """
    from automtl_cli import configuration
    from automtl_cli.runs import retraining

    layers = configuration.layers(None, None, {"data_dir": data_dir}, settings)
    retraining.retrain(run, seeds, layers, runs_dir, as_json)


def watch(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a run, or of a comparison such as comparisons/NAME."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")] = False,
) -> None:
    """Follow a run or a comparison of another process until it ends.

    The command reads the files of the run alone. The exit code is 0 if the run is done, 76 if it was stopped
    or killed, and otherwise that of the error of the run.
    """
    from automtl_cli.runs import watching

    watching.watch(run, as_json)


@of_run
def show(
    run: options.Run,
    evidence: options.Evidence = False,
    fields: options.Fields = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="svg|mermaid|dot|json", help="Print a drawing of the network instead."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show an architecture, its fields, evidence and Pareto front.

    RUN may also be an architecture.json, which has no effects and no evidence.
    """
    from automtl_cli.runs import actions, reporting

    if form is not None:
        return reporting.draw(run, form)
    actions.show(run, evidence, fields, as_json)


def report(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a comparison.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="HTML file to write [report.html in the folder]."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a report of a run or of a comparison, as one HTML file.

    The file needs no network and no other file: drawing of the network, evidence, learning curves, Pareto
    front, importance of fields, use of experts, calibration, costs, data and settings.
    """
    from automtl_cli.runs import reporting

    reporting.report(path, out, as_json)
