"""The commands that search, train and compare. They import slow modules after the checks of their options."""

from pathlib import Path

from automtl_cli import options
from automtl_core.errors import AllWorseError, CellsFailedError, NotBetterError, UsageError
from automtl_report.commands import Output, option


def search(
    *,
    configuration: options.Configuration,
    searched: options.Searched,
    execution: options.Execution,
    run: options.NewRun,
) -> Output:
    """Search for an architecture, train it, and score the test rows.

    automtl search feed.csv --labels click,like
    automtl search --dataset ijcai15 --data-dir ijcai15 --time-budget 2h

    Options take precedence over FILE, FILE over --preset, and --preset over the defaults.
    """
    from automtl_cli.configuration import check, layers, with_file

    configuration = with_file(configuration)
    flags = {**vars(searched), "seed": run.seed, "time_budget": execution.seconds()}
    own = layers(configuration, flags, execution)
    if run.resume is None:
        check(own.all)
    from automtl_cli.runs.flow import run_job  # which imports torch

    return run_job(run, execution, own, lambda flow: flow.job(own.all), None, configuration.file)


def train(
    *,
    model: str | None = option("MODEL", "A name, a run, or a model of a search, as above."),
    configuration: options.Configuration,
    execution: options.Execution,
    run: options.NewRun,
) -> Output:
    """Train one model without a search, and score the test rows.

    automtl train feed.csv --model mmoe
    automtl train --model runs/feed-1@cost

    MODEL is a name of `automtl list spaces`, such as mmoe; a run, whose network, data and settings it takes;
    or a model of a search: RUN@N of `automtl show RUN`, RUN@cost, RUN@balanced or RUN@accuracy (the
    cheapest one within .005, .001 or 0 of the best AUC), RUN@200000flops a row, RUN@2.5ms for 1,000 rows.
    """
    from automtl_cli.configuration import check, layers, with_file

    configuration = with_file(configuration)
    own = layers(configuration, {"seed": run.seed, "time_budget": execution.seconds()}, execution)
    if model is not None:
        check(own.all, model)
    if run.resume is None and model is None:
        raise UsageError("train needs a model", "name one, such as --model mmoe; see `automtl list spaces`")
    from automtl_cli.runs.flow import run_job  # which imports torch

    return run_job(
        run, execution, own, lambda flow: flow.model(model or "", own.all), model, configuration.file
    )


def compare(
    *,
    models: str = option(
        "MODEL,...",
        "As --model of train, SPACE:STRATEGY, random-architecture, YAML files; MODEL+BALANCER adds one.",
        default=...,
    ),
    seeds: int = option("N", "Trainings of each model on each split [3].", min=1, default=3),
    splits: int = option("N", "Splits of the data, random or windows of time [1].", min=1, default=1),
    tune: int = option("N", "Trials of hyperparameters of each model [0].", min=0, default=0),
    out: Path | None = option("FOLDER", "Folder of all results [comparisons/NAME]."),
    on: Path | None = option("FILE", "Labelled rows: compare finished models on them."),
    history: Path | None = option("FILE", "With --on: events up to now, one a row."),
    margin: float = option(
        "X", "With --on: smallest difference that counts [0.001].", min=0.0, default=0.001
    ),
    configuration: options.Configuration,
    execution: options.Execution,
) -> Output:
    """Compare models on the same rows, with confidence intervals.

    automtl compare feed.csv --models mmoe,runs/feed-1
    automtl compare --on new.csv --models runs/feed-1,runs/feed-2

    The first model is what the others are compared with. The same command goes on with a comparison that was
    interrupted. With --on, nothing is trained: the first model is in use, the others are runs or files of
    predictions; the exit code is 0 if one is ahead, 81 if all are behind, else 80.
    """
    names = options.names(models)
    if on is not None:
        given = {"--out": out, "FILE": configuration.file}
        if wrong := [name for name, value in given.items() if value is not None]:
            raise UsageError(
                f"{wrong[0]} is for trainings, and --on compares finished models",
                "name runs and files of predictions, the champion first: --on NEW.csv --models runs/a,runs/b",
            )
        return _on_rows(on, names, history, margin)
    if history is not None:
        raise UsageError("--history belongs to --on", "name the new rows: --on NEW.csv")
    from automtl_cli.configuration import check, layers, with_file

    configuration = with_file(configuration)
    own = layers(configuration, {}, execution)
    if names:
        check(own.all, *names)
    import shlex

    from automtl_cli.runs.flow import training  # which imports torch
    from automtl_comparison.spec import ComparisonSpec
    from automtl_comparison.views import FILES, outcome, page_of, write
    from automtl_inspection.sections import lines
    from automtl_report.html import write_page
    from automtl_report.run_list import CELLS

    called, workers = configuration.file.stem if configuration.file else None, execution.workers or 1
    spec = ComparisonSpec(names, seeds, splits, tune, None, out, called, execution.seconds(), workers)
    with training(execution, own) as flow:
        try:
            result, folder = spec.compared(flow, own.all)
        except KeyboardInterrupt as error:
            error.add_note("run the same command again: it continues the comparison")
            raise
    write(result, folder)
    report = write_page(*page_of(result), folder / "report.html")
    runs = f"automtl list runs {shlex.quote(str(folder / CELLS))}"
    files = lines(
        f"written to {folder}: {', '.join(FILES)}", f"report: {report}", f"the run of each training: {runs}"
    )
    failure = CellsFailedError(
        "\n".join(["trainings without a result:", *result.failed]),
        "do what each message says, and repeat the command: it tries these again and keeps the others",
    )
    document = {**result.to_json(), "out": str(folder)}
    return Output(document, lambda _: [*outcome(result), files], failure if result.failed else None)


def _on_rows(on: Path, entrants: list[str], history: Path | None, margin: float) -> Output:
    from automtl_cli.runs.flow import workflow
    from automtl_comparison.on_rows import on_rows
    from automtl_comparison.views import sections

    result = on_rows(workflow("reading new rows"), on, entrants, history, margin)
    level = result.verdict == "level"
    what = "for the best one, no clear difference" if level else "all are behind"
    error = (NotBetterError if level else AllWorseError)(
        f"no challenger is ahead of {result.reference}: {what}", f"keep {result.reference}"
    )
    return Output(result, sections, None if result.verdict == "ahead" else error)
