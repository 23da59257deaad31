"""The commands that search, train and compare. They import slow modules after the checks of their options."""

from dataclasses import replace
from pathlib import Path

from automtl_cli import options
from automtl_core.errors import AllWorseError, CellsFailedError, NotBetterError, UsageError, is_table
from automtl_report.commands import Output, option


def search(
    *,
    searched: options.Searched,
    configuration: options.Configuration,
    execution: options.Execution,
    run: options.NewRun,
) -> Output:
    """Search for an architecture, train it, and score the test rows.

    Options and --set take precedence over --config, --config over --preset, and --preset over the defaults.
    If a file has `name:` under `space:`, the settings beside it apply only to a search of that space. Without
    `name:` they apply to the space of this search. The same holds for strategies, datasets and balancers.

    With --workers, the encoding search and the final comparison of candidates run in parallel. The training
    of a supernet is one process.
    """
    from automtl_cli.configuration import check, layers

    configuration = _with_file(configuration)
    own = layers(configuration, {**vars(searched), "time_budget": execution.seconds()}, execution)
    if run.resume is None:
        check(own.all)
    from automtl_cli.runs.flow import run_job  # which imports torch

    return run_job(run, execution, own, lambda flow: flow.job(own.all), None, configuration.config)


def train(
    *,
    model: str | None = option(
        "MODEL", "Hand-designed model such as mmoe, or a run whose architecture is retrained."
    ),
    configuration: options.Configuration,
    execution: options.Execution,
    run: options.NewRun,
) -> Output:
    """Train one model without a search, and score the test rows.

    MODEL is a hand-designed model such as mmoe or ple, the folder of a run, point N of the Pareto front of a
    run (RUN@N, see `automtl show RUN`), or any other model of `automtl compare`. RUN@cost is the cheapest
    point within 0.005 of the best AUC, RUN@balanced within 0.001, RUN@accuracy within 0; RUN@200000flops is
    the best point within a limit of FLOPs per row, RUN@2.5ms the best one that predicts 1,000 rows in this
    time here. A run brings its dataset and its training settings. With --workers, the encoding search runs in
    parallel.
    """
    from automtl_cli.configuration import check, layers

    configuration = _with_file(configuration)
    own = layers(configuration, {"time_budget": execution.seconds()}, execution)
    if model is not None:
        check(own.all, model)
    if run.resume is None and model is None:
        raise UsageError("train needs a model", "name one, such as --model mmoe; see `automtl list spaces`")
    from automtl_cli.runs.flow import run_job  # which imports torch

    file = configuration.config
    return run_job(run, execution, own, lambda flow: flow.model(model or "", own.all), model, file)


def compare(
    *,
    models: str = option(
        "MODEL,...",
        "Models: hand-designed ones, SPACE:STRATEGY, random-architecture, RUN, RUN@N or YAML files; "
        "MODEL+BALANCER adds a balancer. With --on: runs, and files of predictions; the champion, which is "
        "in use, first.",
        default=...,
    ),
    on: Path | None = option(
        "FILE",
        "Labelled rows: compare finished models on those that none of them has seen. A CSV, TSV or Parquet "
        "file, or a file pattern in quotes.",
    ),
    history: Path | None = option(
        "FILE", "With --on: events up to now, one a row, for networks that read histories."
    ),
    margin: float = option(
        "X",
        "With --on: difference that counts as level, since another seed may bring it; for a number label, "
        "times its standard deviation.",
        min=0.0,
        default=0.001,
    ),
    configuration: options.Configuration,
    seeds: int = option("N", "Number of seeds: trainings of each model on each split.", min=1, default=3),
    execution: options.Execution,
    splits: int = option(
        "N",
        "Number of splits of the data: random ones or, under a split by time, windows that end one after "
        "another, each tested on the rows after it.",
        min=1,
        default=1,
    ),
    tune: int = option(
        "N", "Tuning: number of hyperparameter trials of each model, on validation rows.", min=0, default=0
    ),
    reference: str | None = option("MODEL", "Baseline of all differences [the first model]."),
    out: Path | None = option(
        "FOLDER",
        "Folder of trainings and tables [comparisons/NAME, with the name of the configuration file or "
        "else of the dataset].",
    ),
) -> Output:
    """Compare models on the same rows, with confidence intervals.

    The tables go to compare.json, compare.csv and compare.md. The same command continues an interrupted
    comparison and reuses every training. The folder of a comparison with other settings or data is refused.
    With --workers, trainings, tests and the encoding search run in parallel. Several processes with the same
    command share the work, too.

    With --on, nothing is trained: the first model is the champion, the others are challengers. The exit code
    is 0 if a challenger is ahead, 80 if the best one is level, and 81 if all are behind.
    """
    names = options.names(models)
    if on is not None:
        given = {"--out": out, "--reference": reference, "FILE": configuration.file or configuration.config}
        if wrong := [name for name, value in given.items() if value is not None]:
            raise UsageError(
                f"{wrong[0]} is for trainings, and --on compares finished models",
                "name runs and files of predictions, the champion first: --on NEW.csv --models runs/a,runs/b",
            )
        return _on_rows(on, names, history, margin)
    if history is not None:
        raise UsageError("--history belongs to --on", "name the new rows: --on NEW.csv")
    from automtl_cli.configuration import check, layers

    configuration = _with_file(configuration)
    own = layers(configuration, {}, execution)
    if names:
        check(own.all, *names)
    import shlex

    from automtl_cli.runs.flow import training  # which imports torch
    from automtl_comparison.spec import ComparisonSpec
    from automtl_comparison.views import FILES, outcome, page_of, write
    from automtl_core.views import lines
    from automtl_report.html import write_page
    from automtl_report.run_list import CELLS

    called = None if configuration.config is None else configuration.config.stem
    spec = ComparisonSpec(
        names, seeds, splits, tune, reference, out, called, execution.seconds(), execution.workers or 1
    )
    with training(execution, own) as flow:
        try:
            result, folder = spec.compared(flow, own.all)
        except KeyboardInterrupt as error:
            error.add_note("run the same command again: it continues the comparison")
            raise
    write(result, folder)
    report = write_page(*page_of(result), folder / "report.html")
    runs = f"automtl runs --runs-dir {shlex.quote(str(folder / CELLS))}"
    files = lines(
        f"written to {folder}: {', '.join(FILES)}", f"report: {report}", f"the run of each training: {runs}"
    )
    failure = CellsFailedError(
        "\n".join(["trainings without a result:", *result.failed]),
        "do what each message says, and repeat the command: it tries these again and keeps the others",
    )
    document = {**result.to_json(), "out": str(folder)}
    return Output(document, lambda _: [*outcome(result), files], failure if result.failed else None)


def _with_file(given: options.Configuration) -> options.Configuration:
    """Return the options with the settings of FILE; those of a table are written if there are none yet."""
    from automtl_core.workflow.components import is_file

    of_table = given.file is not None and not is_file(given.file)
    if given.file and (given.dataset or given.config):
        raise UsageError(f"{given.file} is in place of --config and --dataset", "leave one of them out")
    if given.labels and not of_table:
        raise UsageError("--labels are columns of a table", "name it, such as feed.csv --labels click,like")
    if given.file is None or not of_table:
        return replace(given, config=Path(given.file)) if given.file else given
    if not is_table(given.file) and not Path(given.file).exists():
        raise UsageError(f"{given.file}: no such file", "name a table; a model by --model, settings by --set")
    from automtl_cli.init import settings_of  # which imports pandas

    return replace(given, config=settings_of(given.file, given.labels))


def _on_rows(on: Path, entrants: list[str], history: Path | None, margin: float) -> Output:
    from automtl_cli.runs.flow import workflow
    from automtl_comparison.on_rows import on_rows
    from automtl_comparison.views import sections

    result = on_rows(workflow("reading new rows"), on, entrants, history, margin)
    level = result.verdict == "level"
    what = "the best one is level with it" if level else "all are behind"
    error = (NotBetterError if level else AllWorseError)(
        f"no challenger is ahead of {result.reference}: {what}", f"keep {result.reference}"
    )
    return Output(result, sections, None if result.verdict == "ahead" else error)
