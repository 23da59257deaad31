"""The commands of `automtl data`. They import slow modules themselves."""

from pathlib import Path
from typing import TYPE_CHECKING

from automtl_cli import options
from automtl_cli.output import Json, say
from automtl_core.errors import UsageError, listing
from automtl_report.commands import Output, argument, flag, option

if TYPE_CHECKING:
    from automtl_core.data.store import Prepared


def describe(
    dataset: options.Dataset,
    count: int | None = option("N", "Show N training rows as a model receives them.", "--rows", min=1),
) -> Output:
    """Describe a dataset: rows, fields, labels, and suspected faults.

    automtl data describe feed.csv
    automtl data describe feed.yaml --rows 5

    The command prepares the dataset. Suspected faults are duplicates, unseen ids, and fields that predict a
    task alone (label leakage). With --rows, ids are shown as their values, and a dash is a rare or blank
    value, or a missing label.
    """
    from automtl_cli.output import stages
    from automtl_inspection import views as views
    from automtl_inspection.describe import describe

    made = _prepared(dataset)
    if count is not None:
        return Output({"prepared": _about(made), "rows": made.decoded(count)}, views.sampled)
    with stages("describing data") as progress:
        return Output({"prepared": _about(made), "data": describe(made, progress)}, views.described)


def export(
    dataset: options.Dataset,
    *,
    out: Path = option("FILE", "Output file, .csv or .parquet.", default=...),
    part: str | None = option("PART", "Only rows of a part: train, validation or test."),
    without_labels: bool = flag("--without-labels", "Write no labels."),
) -> Output:
    """Write the examples of a dataset as one table.

    automtl data export synthetic --set dataset.rows=20000 --out feed.csv
    automtl data export feed.yaml --part test --out test.csv

    The table can be searched like any other, and `predict` and `evaluate` take it. The rows of --part test
    are those that another system predicts for `compare --on`.
    """
    from automtl_cli import configuration
    from automtl_cli.output import stages
    from automtl_core.data.new_rows import check_output
    from automtl_core.data.store import PARTS
    from automtl_inspection import views as views
    from automtl_inspection.raw_rows import export

    chosen = configuration.chosen(dataset)
    check_output(out)
    if part is not None and part not in PARTS:
        raise UsageError(f"--part {part}: no such part", f"use one of {listing(PARTS)}")
    limit, some = options.memory_limit(), _prepared(dataset).rows(part) if part else None
    with stages("exporting data") as progress:
        rows = export(
            chosen.dataset, chosen.name, chosen.folder, out, progress, limit, some, not without_labels
        )
    return Output({"dataset": chosen.name, "rows": rows, "out": str(out)}, views.exported)


def init(
    files: str = argument("FILE", "A CSV, TSV or Parquet file, or a file pattern in quotes.", default=...),
    *,
    labels: str | None = option("NAME,...", "Columns to predict, such as click,buy [a guess]."),
    columns: str | None = option("NAME,...", "Names of all columns of a file without a header."),
    out: Path | None = option("NAME.yaml", "Output file [the name of FILE]."),
    force: bool = flag("--force", "Overwrite settings that are there."),
) -> Output:
    """Write settings for a table, with guesses of roles.

    The guess uses the first 100,000 rows. Check and correct it.
    """
    from automtl_cli.init import init, view

    return Output(init(files, out, labels, columns, force), view)


def _prepared(dataset: options.Dataset) -> "Prepared":
    """Prepare a dataset, show progress, and print its warnings."""
    from automtl_cli import configuration
    from automtl_cli.output import stages
    from automtl_core.prepare.prepare import prepare
    from automtl_inspection.leaks.lists import list_warnings

    chosen = configuration.chosen(dataset)
    limit = options.memory_limit()
    with stages("preparing data") as progress:
        made = prepare(chosen.dataset, chosen.name, chosen.folder, chosen.prepared_dir, progress, limit)
    for sentence in (*made.warnings(), *list_warnings(made)):
        say(f"warning: {sentence}")
    return made


def _about(made: "Prepared") -> Json:
    """Return path, size, lists and warnings of prepared data."""
    from automtl_inspection.leaks.lists import lists

    manifest, schema = made.manifest, made.schema
    of_tasks = {task.name: manifest["labels"]["train"][task.name] for task in schema.tasks if task.weight}
    weights = {name: {key: of[key] for key in ("weight", "effective_rows")} for name, of in of_tasks.items()}
    return {
        "path": str(made.path),
        "reused": made.reused,
        "rows": manifest["rows"],
        "fields": len(schema.sparse) + len(schema.dense),
        "tasks": [task.name for task in schema.tasks],
        **({"weights": weights, "left_out": manifest["left_out"]} if weights else {}),
        "lists": None if (found := lists(made)) is None else found.to_json(),
        **{key: manifest[key] for key in ("rejected", "warnings")},
    }
