"""The commands on one finished run; as in `app`, they import what takes long themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import options
from automtl_cli.output import emit


def predict(
    run: options.Run,
    files: options.Input,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="File to write, .csv or .parquet.")
    ],
    keep: Annotated[
        str, typer.Option(metavar="COLUMN,...", help="Columns of the input to write too, such as an id.")
    ] = "",
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    memory_limit: options.MemoryLimit = None,
    as_json: options.AsJson = False,
) -> None:
    """Score new rows by the network of a run.

    The input has a column a field, as `automtl data sample` shows them; labels are not needed, and other
    columns are not read. Values that training rows did not hold are taken as unknown, and so are blanks. One
    row is written for each, in the same order: the probability of each task; of a regression its number.
    """
    from automtl_cli.runs import new_rows
    from automtl_core.views.outcome import predicted

    bad = new_rows.faulty(bad_rows, max_bad_rows)
    found = new_rows.predict(
        run, files, output, [name for name in keep.split(",") if name], bad, memory_limit
    )
    emit(found, predicted, as_json)


def evaluate(
    run: options.Run,
    data_dir: options.DataDir = None,
    files: options.NewInput = None,
    bad_rows: options.BadRows = None,
    max_bad_rows: options.MaxBadRows = None,
    as_json: options.AsJson = False,
) -> None:
    """Test the network of a finished run again, from its files alone.

    The metrics must be exactly those that the run recorded; otherwise the exit code is 65. With --input, test
    it on new rows, which have labels.
    """
    from automtl_cli.runs import actions, new_rows
    from automtl_core.views import outcome

    if files is not None:
        bad = new_rows.faulty(bad_rows, max_bad_rows)
        return emit(new_rows.measure(run, files, data_dir, bad), outcome.tested, as_json)
    new_rows.check_no_input(bad_rows, max_bad_rows)
    found = actions.workflow().evaluate(run, data_dir)
    emit(found, outcome.evaluation, as_json)
    actions.check_repeated(found)


def export(
    run: options.Run,
    form: Annotated[
        str, typer.Option("--format", metavar="onnx|torch", help="Format of the network.")
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder to write [exports/RUN-FORMAT].")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Export the network of a run to a folder that needs no automtl.

    In it are its vocabularies, an example of how to call it, and a model card. It is compared with the
    network: on test rows where the prepared data of the run is at hand, else on drawn ones.
    """
    from automtl_cli.runs import exporting

    emit(exporting.export(run, form, out), exporting.view, as_json)


def retrain(
    run: options.Run,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Trainings, each with a seed of its own.")
    ] = 1,
    data_dir: options.DataDir = None,
    settings: options.Settings = None,
    runs_dir: options.RunsDir = Path("runs"),
    as_json: options.AsJson = False,
) -> None:
    """Train the architecture of a run anew, also on data that grew.

    Data and recipe are those of the run, unless --data-dir or --set say otherwise. Vocabularies follow the
    data, decisions their names. Each training is a run of its own.
    """
    from automtl_cli import configuration
    from automtl_cli.runs import retraining

    layers = configuration.layers(None, None, {"data_dir": data_dir}, settings)
    retraining.retrain(run, seeds, layers, runs_dir, as_json)


def show(
    run: options.Run,
    evidence: options.Evidence = False,
    as_json: options.AsJson = False,
) -> None:
    """Show what a run found: who shares what, and why.

    RUN may also be an architecture.json, which knows the first two.
    """
    from automtl_cli.runs import actions

    actions.show(run, evidence, as_json)
