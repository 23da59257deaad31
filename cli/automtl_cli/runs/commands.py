"""The commands on finished runs. They import slow modules after a check of the run."""

import shlex
from pathlib import Path

from automtl_cli import options
from automtl_cli.output import emit
from automtl_core.errors import ArtifactError, UsageError
from automtl_core.run_dir.folders import check_run
from automtl_report.commands import AsJson, Output, argument, flag, option

READING = "reading new rows"


def predict(
    run: options.Run,
    new: options.New,
    *,
    out: Path = option("FILE", "Predictions, .csv or .parquet.", default=...),
    keep: str = option("COLUMN,...", "Columns to copy to the predictions, such as an id.", default=""),
    history: options.History = None,
    max_bad_rows: options.MaxBadRows = None,
) -> Output:
    """Predict new rows with the network of a run.

    automtl predict runs/feed-1 new.csv --out predictions.csv
    automtl predict runs/feed-1 'days/*.parquet' --out predictions.parquet --keep id

    NEW has a column for each field that the network reads, as `automtl data describe DATA --rows 5` shows
    them; other columns are ignored. There is a prediction for each row, in the same order: a probability for
    each binary task, a number for each regression. For a task that counts only if another label is 1, the
    column `buy_given_click` is the conditional probability, and `click_and_buy` that of both. Unknown values
    are unseen ids; a warning names a column whose 100 values or more are all unseen. The events of --history
    have the columns of user, time, fields and actions; without it, NEW has a list column for each part of a
    history.
    """
    check_run(run)
    from automtl_cli.runs.flow import workflow
    from automtl_report.outcome import predicted

    flow = workflow(READING)
    return Output(flow.predict(run, new, out, options.names(keep), max_bad_rows, history), predicted)


def evaluate(
    run: options.Run,
    new: Path | None = argument("NEW", "Labelled new rows: a table, or a file pattern in quotes."),
    *,
    drift: bool = flag("--drift", "Compare NEW with the test rows: fields, labels, predictions."),
    without_labels: bool = flag("--without-labels", "With --drift: NEW has no labels."),
    metrics: str | None = option("NAME,...", "Metrics of automtl list metrics, such as gauc [of the run]."),
    history: options.History = None,
    max_bad_rows: options.MaxBadRows = None,
    data_dir: options.DataDir = None,
) -> Output:
    """Recompute the test metrics of a run, or test it on new rows.

    automtl evaluate runs/feed-1
    automtl evaluate runs/feed-1 new.csv --drift

    Rows of NEW that trained or chose the network are left out. Without NEW, the exit code is 65 if the
    metrics are not exactly the recorded ones.

    With --drift, each column has the value, or range of values, whose share of rows differs most, with an
    interval that is corrected for all columns. The predictions are columns too, and labelled rows with times
    have scores by day.
    """
    check_run(run)
    from automtl_cli.runs.flow import workflow
    from automtl_report import outcome

    names = None if metrics is None else options.names(metrics)
    if new is None:
        if drift or (max_bad_rows, history) != (None, None):
            raise UsageError("--drift, --max-bad-rows and --history are for new rows", "name a file of them")
        result = workflow().evaluate(run, data_dir, names)
        error = ArtifactError(
            f"{result.run}: the test metrics are not those that the run recorded",
            "; ".join(result.changed) or "use the raw files, versions and thread count of the run",
        )
        return Output(result, outcome.evaluation, None if result.repeats else error)
    if drift:
        from automtl_inspection.drift import drift_of_run, view

        return Output(drift_of_run(workflow(READING), run, new, history, not without_labels), view)
    if data_dir is not None:
        raise UsageError("--data-dir is for the raw files of the run, not for new rows", "leave it out")
    return Output(workflow(READING).measure(run, new, max_bad_rows, names, history), outcome.tested)


def update(
    run: options.Run,
    new: options.New,
    *,
    history: options.History = None,
    replay: float = option("R", "Older rows that are drawn for each new row [0.25].", min=0.0, default=0.25),
    epochs: int = option("N", "Maximum number of passes over the rows [1].", min=1, default=1),
    retrain: bool = flag("--retrain", "Train the architecture from new weights, on all rows."),
    refresh: bool = flag("--refresh", "Bring only the aggregates up to date, without training."),
    out: Path | None = option("FOLDER", "Folder of the new run [RUN-updated-N]."),
    max_bad_rows: options.MaxBadRows = None,
) -> Output:
    """Train the network of a run further, on later rows.

    The new run has the architecture and the settings of RUN. Its network begins with the weights of RUN, and
    takes a pass over the new rows and a sample of older ones; the newest rows calibrate and test it. New
    values get ids, and old values keep theirs. Aggregates and histories take in the rows. No row counts
    twice: rows that RUN has seen are left out, and under a split by time all that are not later than its
    newest one. To test on rows, hold them out of NEW. The raw files of RUN, or its prepared data, must still
    be there.
    """
    check_run(run)
    if refresh and retrain:
        raise UsageError("--refresh trains nothing, and --retrain trains", "use one of them")
    from automtl_cli.runs.flow import workflow
    from automtl_core.run_dir.config import UpdateSettings
    from automtl_inspection.sections import lines, next_commands
    from automtl_report.record import read_record
    from automtl_report.run import outcome

    if not refresh:
        log = history and history.absolute()
        how = {"replay": replay, "epochs": epochs, "max_bad_rows": max_bad_rows}
        later = UpdateSettings.parse({"data": new.absolute(), "history": log, **how}, "update")
        place = (run.parent, None) if out is None else (out.parent, out.name)
        flow = workflow()
        updated = flow.update(run, later, retrain, *place)
        return Output(read_record(updated.path, flow.registry), outcome)
    folder = out or run.with_name(f"{run.resolve().name}-refreshed")
    result = workflow(READING).refresh(run, new, folder, max_bad_rows)
    skipped = [f"skipped: {row}" for row in result.skipped]
    next_ones = next_commands([f"automtl predict {shlex.quote(result.run)} NEW --out FILE"])
    until = f", up to {result.until}" if result.until else ""
    ended = f"run: {result.run}, whose aggregates have seen {result.rows:,} more rows{until}"
    summary = lines(ended, *skipped, *next_ones)
    return Output(result, lambda _: summary)


def export(
    run: options.Run,
    *,
    form: str = option(
        "NAME", "onnx, torch, or another of automtl list exporters [onnx].", "--format", default="onnx"
    ),
    out: Path | None = option("FOLDER", "Output folder [exports/RUN-FORMAT]."),
) -> Output:
    """Export the network of a run, to serve without automtl.

    The folder holds the network, its encoder and vocabularies, an example and a model card. The command
    checks the exported network against the original one on test rows, or on random rows without prepared
    data.
    """
    check_run(run)
    from automtl_core.registry.kinds import EXPORTERS
    from automtl_core.registry.plugins import load_registry

    registry = load_registry()
    registry.supplier(EXPORTERS, form)
    from automtl_cli.runs.flow import workflow
    from automtl_core.run_dir.run import Run
    from automtl_export.folder import export as write
    from automtl_inspection.sections import lines
    from automtl_report.record import read_record
    from automtl_report.run import card

    opened, folder = Run.open(run), out or Path("exports") / f"{run.resolve().name}-{form}"
    result = write(
        opened, workflow().trained(opened), form, folder, card(read_record(run, registry)), registry
    )
    rows = f"{result.rows:,} {'test' if result.real else 'random'} rows"
    summary = lines(
        f"{result.folder}: model, encoder, example.py, README.md",
        f"largest difference to the network: {result.largest_difference:.1g} on {rows}",
        f"next: python {shlex.quote(str(Path(result.folder, 'example.py')))}",
    )
    return Output(result, lambda _: summary)


def show(
    run: Path | None = argument("RUN", "Folder of a run [the newest one]."),
    *,
    evidence: bool = flag("--evidence", "Print the evidence of each decision."),
    fields: bool = flag("--fields", "Print the effect of each field on test rows."),
    follow: bool = flag("--follow", "Follow a run or a comparison of another process until it ends."),
    as_json: AsJson = False,
) -> None:
    """Show an architecture, its fields, evidence and Pareto front.

    RUN may also be an architecture.json, which has no effects and no evidence.

    With --follow, RUN may be the folder of a comparison, whose files alone are read, and --json prints a
    document per line. The exit code is 0 if the run is done, 76 if it was stopped or killed, and otherwise
    that of the error of the run.
    """
    run = run or options.newest_run()
    if follow:
        if evidence or fields:
            raise UsageError("--follow shows progress, and no architecture", "leave out the other options")
        from automtl_cli.runs import watching

        return watching.watch(run, as_json)
    if not run.is_file():
        check_run(run)
    from automtl_core.registry.plugins import load_registry
    from automtl_core.run_dir.facts import Result
    from automtl_report import run as views
    from automtl_report.record import read_record

    record = read_record(run, registry := load_registry())
    plugins = views.of_plugins(record, registry) if record.get(Result) else ()
    emit(record, lambda _: [*views.show(record, evidence, fields), *plugins], as_json)


def report(
    path: Path | None = argument("RUN", "Folder of a run, or of a comparison [the newest run]."),
    out: Path | None = option("FILE", "HTML file to write [report.html in the folder]."),
) -> Output:
    """Write a report of a run or of a comparison, as one HTML file.

    The file needs no network and no other file: drawing of the network, evidence, learning curves, Pareto
    front, importance of fields, use of experts, calibration, costs, data and settings.
    """
    from automtl_comparison import views
    from automtl_core.registry.plugins import load_registry
    from automtl_inspection.sections import lines
    from automtl_report.html import write_page, write_report

    path = path or options.newest_run()
    if (result := views.read(path)) is None:
        file = write_report(path, load_registry(), out)
    else:
        file = write_page(*views.page_of(result), out or path / "report.html")
    return Output({"report": str(file)}, lambda _: lines(f"report: {file}"))
